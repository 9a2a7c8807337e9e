"""Whether synthetic samples are good, in words, figures and pictures: a dict first, then a page."""

from ganaug.report.building import quality_report
from ganaug.report.quality import QualityReport

__all__ = ["QualityReport", "quality_report"]
