"""The page and the figures of the planted-bias experiment: one file that opens from disk, and SVG and PNG for papers."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from ..atomic import atomic
from ..experiments.planted_bias import Findings
from ..experiments.planted_faces import TIES
from ..storage import check_ours
from . import wording
from .charts import Chart, svg
from .drawing import style
from .experiment_figures import figures
from .experiment_wording import told
from .figures import BLACK, CAPTIONS, FORMATS
from .templating import environment

TITLE = "Planted bias"


def write_experiment(findings: Findings, folder: str | os.PathLike[str]) -> None:
    """Write `figures/` and `index.html` into the folder of an experiment; each is complete or unchanged.

    Raises:
        OutputError: they cannot be written, or `figures` is somebody else's.
    """
    folder = Path(folder)
    charts = figures(findings)
    _write_figures(charts, folder / "figures")
    page = environment({"number": wording.number}).get_template("experiment.html.j2")
    drawn = {name: svg(chart, f"chart-{number}") for number, (name, chart) in enumerate(charts.items())}
    ties = [
        {
            "name": tie.tie,
            "sentence": TIES[tie.tie].sentence,
            "told": told(tie, findings.runs),
            "charts": [drawing for name, drawing in drawn.items() if name.startswith(f"{tie.tie}-")],
            "runs": list(findings.runs[findings.runs["tie"] == tie.tie].itertuples(index=False)),
        }
        for tie in findings.ties
    ]
    with atomic(folder / "index.html") as scratch:
        page.stream(title=TITLE, ties=ties, plan=findings.plan, made_by=findings.plan.made_by).dump(
            str(scratch), encoding="utf-8"
        )


def _write_figures(charts: Mapping[str, Chart], folder: Path) -> None:
    check_ours(folder, CAPTIONS)
    with atomic(folder) as scratch, style(ink=BLACK):
        scratch.mkdir()
        for name, chart in charts.items():
            drawn = chart.figure()
            for suffix, options in FORMATS.items():
                drawn.savefig(scratch / f"{name}.{suffix}", facecolor="white", **options)
        with (scratch / CAPTIONS).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["figure", "title", "description"])
            writer.writerows([name, chart.title, chart.description] for name, chart in charts.items())
