"""What was found, for people and for other programs: tables, labels, subtitles, a page."""

from earmark.monitor.reports.forms import FORMS, Form, require, write

__all__ = ["FORMS", "Form", "require", "write"]
