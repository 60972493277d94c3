"""The commands of whole experiments, which need nothing but the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import err, say
from .experiments.planted_bias import STRENGTHS, Plan, planted_bias
from .experiments.planted_faces import TIES
from .progress import ProgressReport

experiment = typer.Typer(
    name="experiment",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Controlled experiments on embedded faces, where the truth is known.",
)


@experiment.callback()
def _group() -> None:
    """Makes the group a group, although it has one command."""


@experiment.command("planted-bias")
def planted_bias_command(
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where tables, figures and the page go.")
    ] = Path("planted-bias"),
    tie: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"{' or '.join(TIES)}; may be repeated. (default: both)"),
    ] = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of the faces for which the tie holds, 0.5 (none, the control) to 1; may be repeated. "
            f"(default: {', '.join(f'{value:g}' for value in STRENGTHS)})"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each tie and strength.")] = Plan.seeds,
    faces: Annotated[
        int, typer.Option(min=8, help="Faces that each network is trained with; a multiple of 4.")
    ] = Plan.faces,
    probe: Annotated[
        int, typer.Option(min=8, help="Other faces that it is dissected and measured with; a multiple of 4.")
    ] = Plan.probe_faces,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other faces.")] = Plan.seed,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that draw and train; 0 for none. (default: one a core)")
    ] = None,
) -> None:
    """Plant a bias into small networks, dissect them, and see whether what is measured rises with what was planted.

    Faces are drawn in which a concept goes with the target as often as you say: eyeglasses with gender, dark skin with smiling.

    A strength of 0.5 ties nothing: those networks are the control. All are dissected on faces in which nothing is tied.

    DIR gets runs.csv (a row a network), units.parquet (a row a unit), experiment.json, figures and index.html.

    An experiment that was stopped goes on where it left off when the same command is given again.

    The whole takes about five minutes on two cores; a first look one or two:

    facedissect experiment planted-bias --seeds 1 --faces 800 --probe 400 --strength 0.5 --strength 1
    """
    plan = Plan(
        ties=tuple(tie or TIES),
        strengths=tuple(strength or STRENGTHS),
        seeds=seeds,
        faces=faces,
        probe_faces=probe,
        seed=seed,
    )
    with ProgressReport(err) as progress:
        found = planted_bias(
            plan, out_dir, workers=workers, progress=progress, tell=lambda line: err.print(line, markup=False)
        )
    from .report.experiment import write_experiment  # matplotlib takes a second to import
    from .report.experiment_wording import sentences

    write_experiment(found, out_dir)
    for line in sentences(found):
        say(line)
    say(f"page: {out_dir / 'index.html'}; tables: runs.csv, units.parquet")
