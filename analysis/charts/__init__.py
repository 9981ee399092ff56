"""Pictures of the trials: what the figures look like, in light and in dark."""

from analysis.charts.files import write
from analysis.charts.gallery import pictures
from analysis.charts.picture import Picture

__all__ = ["Picture", "pictures", "write"]
