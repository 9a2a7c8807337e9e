"""`QualityReport`: a dict, and ways to show it."""

from __future__ import annotations

import copy
import html
import os
from typing import TYPE_CHECKING, Any

from ganaug.metrics import Finding
from ganaug.metrics.limits import Judged
from ganaug.report.wording import QUESTIONS
from ganaug.utils.files import check_path, write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["QualityReport"]

_MARKS = {"good": "ok", "warn": "look", "bad": "PROBLEM", "unsure": "too few to say", "none": "not measured"}
_VALUES = (
    "value", "low", "high", "floor", "direction", "family", "n_real", "n_synthetic", "enough", "note",
)  # fmt: skip


class QualityReport:
    """Result of `quality_report`. Printing it gives a summary in words, a notebook shows the page.

    Parameters
    ----------
    content : dict
        As `to_dict` returns it.

    Attributes
    ----------
    summary : str
        One paragraph in plain words.
    lights : dict
        "fidelity", "diversity", "privacy" and "utility" to "good", "warn", "bad", "unsure" (too few rows) or "none"
        (not measured).
    findings : list of Finding
        What was found and what to do about it, the verdict first.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import quality_report
    >>> rng = np.random.default_rng(0)
    >>> report = quality_report(rng.normal(size=(80, 2)), rng.normal(size=(100, 2)), verbose=False)
    >>> report.lights["privacy"], report.findings[0].topic
    ('good', 'good')
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    @property
    def summary(self) -> str:
        """One paragraph in plain words."""
        return str(self._content["summary"])

    @property
    def lights(self) -> dict[str, str]:
        """Family of measures to its traffic light."""
        return {name: light["light"] for name, light in self._content["lights"].items()}

    @property
    def findings(self) -> list[Finding]:
        """What was found and what to do about it, the verdict first."""
        return [
            Finding(**{**one, "judged": tuple(Judged(**j) for j in one["judged"]), "columns": tuple(one["columns"])})
            for one in self._content["findings"]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that `json.dumps` takes.

        Returns
        -------
        dict
            "title", "kind", "verdict" (the first finding's topic), "severity" (the worst finding's), "summary",
            "figures" (those of the overview), "lights", "findings", "trust" (text), "data" (counts and classes),
            "metrics", "classes", "columns", "pairs", "correlations", "embedding", "neighbours", "copies", "histories",
            "curation", "generator", "traces" (what the generator gives away about single training samples), "rules"
            (those of the table, with the shares of real and synthetic rows that break each) and "hides_real". A copy.
        """
        return copy.deepcopy(self._content)

    def to_frame(self) -> pd.DataFrame:
        """All figures as a table.

        Returns
        -------
        DataFrame
            One row per metric for all samples (no class) and for each class: "metric", "class", "value",
            "low", "high" (95%), "floor" (real against real), "direction", "family", "n_real", "n_synthetic",
            "enough", "note".
        """
        import pandas as pd

        rows = []
        for name, entry in self._content["metrics"].items():
            for label, one in [(None, entry), *entry["by_class"].items()]:
                rows.append({"metric": name, "class": label, **{key: one[key] for key in _VALUES}})
        frame = pd.DataFrame(rows, columns=["metric", "class", *_VALUES])
        numbers = ["value", "low", "high", "floor"]
        return frame.assign(**{name: frame[name].astype(float) for name in numbers})

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Make the report one HTML page without external files, and write it if a path is given.

        Parameters
        ----------
        path : str or path-like, optional
            The file. An error leaves an existing file as it was. None writes nothing.

        Returns
        -------
        str
            The page.

        Raises
        ------
        ModelPathError
            If it cannot be written there.

        Notes
        -----
        The page shows real samples beside synthetic ones. Do not share it if they are private, or make the report with
        ``hide_real=True``.
        """
        from ganaug.report.page import page

        made = page(self._content)
        if path is not None:
            write_whole(check_path(path), made.encode("utf-8"))
        return made

    def plot(self, ax: Any = None) -> Any:
        """Draw an overview with matplotlib: the map, the worst column, the measures, and the classes or the training.

        Parameters
        ----------
        ax : sequence of 4 axes, optional
            By default those of a new figure, which is not registered with pyplot.

        Returns
        -------
        ndarray of axes, shape (2, 2)

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        from ganaug.plots.overview import overview

        return overview(self._content, ax)

    def _repr_html_(self) -> str:
        # an iframe keeps the styles and scripts of page and notebook apart
        return (
            f'<iframe title="{html.escape(self._content["title"])}" sandbox="allow-scripts allow-modals" '
            'style="width:100%;height:720px;border:0;border-radius:8px" '
            f'srcdoc="{html.escape(self.to_html())}"></iframe>'
        )

    def __str__(self) -> str:
        lines = [self._content["title"], "", self.summary, ""]
        lines += [f"{QUESTIONS[name]:42} {_MARKS[light]}" for name, light in self.lights.items()]
        told = [one for one in self._content["figures"] if one["name"] == "two_sample_auc"]
        lines += [f"A forest tells them apart with an AUC of {one['value']} ({one['beside']})." for one in told]
        lines.append("")
        for finding in self.findings:
            lines.append(f"[{_MARKS[finding.severity]}] {finding.text}")
            lines += [f"    {finding.advice}"] if finding.advice else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        lights = ", ".join(f"{name}={light!r}" for name, light in self.lights.items())
        return f"<QualityReport {self._content['title']!r}: {lights}>"
