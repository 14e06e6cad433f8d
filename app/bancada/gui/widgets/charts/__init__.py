"""Charts. Importing this package imports pyqtgraph: only pages that draw a chart do it."""

from bancada.gui.widgets.charts.chart import TimeChart as TimeChart
from bancada.gui.widgets.charts.style import Style as Style
