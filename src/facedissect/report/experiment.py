"""The page and the figures of the planted-bias experiment: one file that opens from disk, and SVG and PNG for papers."""

from __future__ import annotations

import os
from pathlib import Path

from ..atomic import atomic
from ..experiments.planted_bias import Findings
from ..experiments.planted_faces import TIES
from . import wording
from .charts import svg
from .experiment_figures import figures
from .experiment_wording import told
from .figures import write_charts
from .templating import environment

TITLE = "Planted bias"


def write_experiment(findings: Findings, folder: str | os.PathLike[str]) -> None:
    """Write `figures/` and `index.html` into the folder of an experiment; each is complete or unchanged.

    Raises:
        OutputError: they cannot be written, or `figures` is somebody else's.
    """
    folder = Path(folder)
    charts = figures(findings)
    write_charts(charts, folder / "figures")
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
