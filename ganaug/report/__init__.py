"""Reports on synthetic samples in words, figures and charts."""

from ganaug.report.build import quality_report
from ganaug.report.result import QualityReport

__all__ = ["QualityReport", "quality_report"]
