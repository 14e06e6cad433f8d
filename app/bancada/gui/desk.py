"""The shell behind the pages: the window's services, once its workspace is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.gui.actions import ActionRegistry
from bancada.gui.background import Background
from bancada.gui.bridge import Bridge
from bancada.gui.closing import Closing
from bancada.gui.drops import Drops
from bancada.gui.engine_watch import EngineWatch
from bancada.gui.job_watch import JobWatch
from bancada.gui.main_window import MainWindow
from bancada.gui.network import NetworkLamp
from bancada.gui.notices import Notices
from bancada.gui.other_programs import OtherPrograms
from bancada.gui.pages import PAGES
from bancada.gui.palette import Palette
from bancada.gui.rail import page_title
from bancada.gui.setting_writer import SettingWriter
from bancada.gui.sharing import Sharing
from bancada.gui.sheets import HelpSheet, ShortcutSheet
from bancada.gui.status_bar import StatusBar
from bancada.gui.widgets.banner import Banner
from bancada.gui.widgets.states import ErrorPanel

if TYPE_CHECKING:
    from bancada.context import AppContext
    from bancada.core.events import Notice
    from bancada.gui.pages.page import Page

_SPECS = {spec.id: spec for spec in PAGES}


class Desk(QObject):
    """Implements :class:`bancada.gui.shell.Shell` on a window and an open workspace."""

    def __init__(self, window: MainWindow, context: AppContext, background: Background) -> None:
        super().__init__(window)
        self.window = window
        self.context = context
        self.theme = window.theme
        self.background = background
        self.bridge = Bridge(context.events, self)
        self.settings = SettingWriter(context.settings, context.events, background, self)
        self.actions = ActionRegistry(window, self.theme)
        self.pages: dict[str, Page] = {}
        self.page_id = ""
        self.notices = Notices(self.theme, window.stack, self._foot)
        self.status = StatusBar(self.theme)
        row = QHBoxLayout(window.status)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.status)
        self._popover = ErrorPanel(self.theme, closable=True)
        self._popover.setProperty("role", "popup")
        self._popover.setParent(window.stack)
        self._popover.hide()
        self.jobs = JobWatch(self, self.status)
        self.network = NetworkLamp(self, self.status)
        self.sharing = Sharing(self)
        self.sharing.changed.connect(self._show_sharing)
        self.status.sharing_chosen.connect(partial(self.navigate, "settings", setting="sharing"))
        self.others = OtherPrograms(self)
        self.engine = EngineWatch(self, self.status)
        self.closing = Closing(self)
        self.drops = Drops(self)
        self.palette = Palette(self)
        self._add_actions()
        for button in window.rail.findChildren(QPushButton):
            # a click navigates and leaves the focus to the page
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        window.rail.chosen.connect(self.navigate)
        background.unhandled.connect(self.show_error)
        self.bridge.notice.connect(self._say_notice)

    def start(self) -> None:
        """Begin to watch the machine and the jobs; say what the user must know of the workspace."""
        self.network.look()
        self.status.start()
        self.jobs.start()
        self.others.start()
        if self.context.database.read_only:
            text = self.tr(
                "This workspace can only be read: nothing you do here is kept. Check the rights of the folder"
                " or the medium it lies on."
            )
            self.window.top.addWidget(Banner(self.theme, "warning", text))

    def close(self) -> None:
        """Leave no thread, timer or listener behind; the workspace can be closed afterwards."""
        if self.page_id and not self.context.database.read_only:
            try:
                self.context.settings.set("window.page", self.page_id)
            except BancadaError:
                pass  # a full disk costs the place where one was, not the closing
        self.status.stop()
        self.others.stop()
        self.notices.clear()
        self.background.close()
        if not self.context.database.read_only:
            self.settings.finish()
        self.bridge.close()

    def last_page(self) -> str:
        """The page that was open when the window was closed."""
        page: str = self.context.settings.get("window.page")
        return page if page in _SPECS else PAGES[0].id

    def page(self, page_id: str) -> Page:
        """The page, built now if it was not yet. Raises KeyError for an unknown id."""
        if page_id not in self.pages:
            page: Page = resolve(_SPECS[page_id].target)(self)
            self.pages[page_id] = page
            self.window.stack.addWidget(page)
        return self.pages[page_id]

    def navigate(self, page_id: str, **arguments: object) -> None:
        page = self.page(page_id)
        self._popover.hide()
        self.page_id = page_id
        self.window.rail.show_active(page_id)
        self.actions.set_page(page_id)
        self.window.stack.setCurrentWidget(page)
        self.notices.place()
        # the page itself shows no focus; the next Tab goes to its first control
        page.setFocus()
        page.opened(**arguments)

    def _foot(self) -> int:
        return self.pages[self.page_id].foot if self.page_id in self.pages else 0

    def notify(
        self, level: str, text: str, *, action_text: str = "", action: Callable[[], None] | None = None
    ) -> None:
        self.notices.add(level, text, action_text=action_text, action=action)

    def show_error(self, error: BaseException, *, near: QWidget | None = None) -> None:
        """Open the error's panel right under ``near``, or at the top of the page."""
        stack = self.window.stack
        self._popover.show_error(error)
        width = max(min(520, stack.width() - 32), 200)
        self._popover.setFixedWidth(width)
        self._popover.adjustSize()
        place = QPoint((stack.width() - width) // 2, 16)
        if near is not None and near.isVisible():
            below = near.mapTo(near.window(), QPoint(0, near.height() + 4))
            place = below - stack.mapTo(stack.window(), QPoint(0, 0))
        right = max(stack.width() - width - 16, 16)
        bottom = max(stack.height() - self._popover.height() - 16, 16)
        self._popover.move(min(max(place.x(), 16), right), min(max(place.y(), 16), bottom))
        self._popover.raise_()
        self._popover.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_help(self) -> None:
        """The help of the page that is shown."""
        HelpSheet(self, self.page_id or PAGES[0].id).show()

    def show_shortcuts(self) -> None:
        ShortcutSheet(self).show()

    def _add_actions(self) -> None:
        for spec in PAGES:
            go = partial(self.navigate, spec.id)
            self.actions.add(f"go.{spec.id}", page_title(spec), go, shortcut=spec.shortcut, icon=spec.icon)
        for action_id, text, slot, shortcut, icon in (
            ("window.palette", self.tr("Find a command"), self.palette.toggle, "Ctrl+K", "search"),
            ("window.shortcuts", self.tr("Keyboard shortcuts"), self.show_shortcuts, "Ctrl+/", "keyboard"),
            ("window.help", self.tr("Help for this page"), self.show_help, "F1", "help"),
            ("window.refresh", self.tr("Refresh"), self._refresh, "F5", "refresh"),
            ("window.light", self.tr("Light theme"), partial(self._choose, "light"), "", "eye"),
            ("window.dark", self.tr("Dark theme"), partial(self._choose, "dark"), "", "eye"),
            ("window.contrast", self.tr("High contrast"), partial(self._choose, "contrast"), "", "eye"),
            ("window.system", self.tr("Theme of the desktop"), partial(self._choose, "system"), "", "eye"),
            ("window.quit", self.tr("Quit"), self.window.close, "Ctrl+Q", "close"),
        ):
            self.actions.add(action_id, text, slot, shortcut=shortcut, icon=icon)

    def _show_sharing(self) -> None:
        report = self.sharing.report
        self.status.set_sharing(report.addresses if report is not None else ())

    def _refresh(self) -> None:
        if self.page_id:
            self.pages[self.page_id].refresh()

    def _choose(self, theme: str) -> None:
        self.theme.choose(theme)
        self.settings.store("appearance.theme", theme)

    def _say_notice(self, notice: Notice) -> None:
        self.notify(notice.level, str(BancadaError(notice.code, **notice.params)))
