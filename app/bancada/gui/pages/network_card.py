"""The settings of the network: the seal, the hub and the way to it, and the office mirror."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QWidget

from bancada.catalog.hub.rules import check_ca_file, check_endpoint, check_proxy
from bancada.core.settings import SETTINGS
from bancada.gui.network import SEALED, ask_to_open
from bancada.gui.pages.setting_rows import TextSetting, add_setting, say_error
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Card, Label, LinkButton, NumberBox, PlainButton

_ENDPOINT, _PROXY, _CA_FILE = "hub.endpoint", "hub.proxy", "hub.ca_file"
_SPEED, _FILES = "hub.bandwidth_kb_per_s", "hub.parallel_files"
_LAN, _PORT, _NAMES = "mirror.lan", "mirror.port", "mirror.names"


class NetworkCard(Card):
    """One card; :meth:`refresh` shows what is stored. ``errors`` are the labels under the settings."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("Network, hub and mirror"))
        self.title.show()
        self._shell = shell
        self.errors: dict[str, Label] = {}
        self.texts: dict[str, TextSetting] = {}
        self.numbers: dict[str, NumberBox] = {}
        self._add_seal()
        self._add_hub()
        self._add_limits()
        self._add_mirror()

    def refresh(self) -> None:
        """Show what is chosen, stored already or not."""
        value = self._shell.settings.value
        for key, box in ((SEALED, self.sealed), (_LAN, self.lan)):
            box.blockSignals(True)  # noqa: FBT003 - Qt's
            box.setChecked(bool(value(key)))
            box.blockSignals(False)  # noqa: FBT003
        for key, number in self.numbers.items():
            number.blockSignals(True)  # noqa: FBT003
            number.setValue(int(value(key)))
            number.blockSignals(False)  # noqa: FBT003
        for key, text in self.texts.items():
            text.show_value(str(value(key)))

    def control(self, key: str) -> QWidget | None:
        """The control of a setting, None where it is not here."""
        boxes: dict[str, QWidget] = {SEALED: self.sealed, _LAN: self.lan}
        return self.texts.get(key) or self.numbers.get(key) or boxes.get(key)

    # -- rows

    def _add_seal(self) -> None:
        self.sealed = QCheckBox(self.tr("Sealed: nothing leaves this machine"))
        self.sealed.toggled.connect(self._seal)
        note = self.tr(
            "While it is sealed, searches, downloads and the office mirror reach this machine alone. Models"
            " are then brought as files or transfer bundles."
        )
        self.errors[SEALED] = add_setting(self, "", self.sealed, note)

    def _add_hub(self) -> None:
        source = self._text(_ENDPOINT, self.tr("Source of models"), check_endpoint)
        public = LinkButton(self.tr("Public hub"))
        public.setAccessibleName(self.tr("Use the public hub as the source"))
        public.clicked.connect(lambda: source.put(str(SETTINGS[_ENDPOINT].default)))
        note = self.tr(
            "A hub, or the address that an office mirror shows. Its token is entered in Models, Hub."
        )
        self._add_text(_ENDPOINT, self.tr("Source of models"), _beside(source, public), note)
        proxy = self._text(_PROXY, self.tr("Proxy"), check_proxy)
        proxy.setPlaceholderText(self.tr("none"))
        self._add_text(
            _PROXY, self.tr("Proxy"), proxy, self.tr("Such as http://proxy:3128, without a password.")
        )
        authorities = self._text(_CA_FILE, self.tr("File of certificate authorities"), check_ca_file)
        authorities.setPlaceholderText(self.tr("those of the system"))
        browse = PlainButton(self.tr("Choose\N{HORIZONTAL ELLIPSIS}"))
        browse.setAccessibleName(self.tr("Choose the file of certificate authorities"))
        browse.clicked.connect(self._choose_file)
        note = self.tr("For offices with an authority of their own: a PEM file, trusted beside the system's.")
        name = self.tr("File of certificate authorities")
        self._add_text(_CA_FILE, name, _beside(authorities, browse), note)

    def _add_limits(self) -> None:
        speed = self._number(_SPEED, self.tr("A download takes at most"), self.tr(" kB/s"))
        speed.setSpecialValueText(self.tr("no limit"))
        speed.setSingleStep(500)
        self.errors[_SPEED] = add_setting(self, self.tr("A download takes at most"), speed)
        files = self._number(_FILES, self.tr("Files fetched at once"), "")
        self.errors[_FILES] = add_setting(self, self.tr("Files fetched at once"), files)

    def _add_mirror(self) -> None:
        self.lan = QCheckBox(self.tr("Other machines may reach the office mirror"))
        self.lan.toggled.connect(partial(self._shell.settings.store, _LAN))
        note = self.tr("Only while the library is shared, and never while the network is sealed.")
        self.errors[_LAN] = add_setting(self, "", self.lan, note)
        port = self._number(_PORT, self.tr("Port of the office mirror"), "")
        port.setSpecialValueText(self.tr("any free one"))
        port.setGroupSeparatorShown(False)
        self.errors[_PORT] = add_setting(self, self.tr("Port of the office mirror"), port)
        names = self._text(_NAMES, self.tr("Further names of this machine"), str.strip)
        names.setPlaceholderText(self.tr("none"))
        note = self.tr(
            "Under which others know this machine, separated by commas; its addresses always count."
        )
        self._add_text(_NAMES, self.tr("Further names of this machine"), names, note)

    # -- parts

    def _text(self, key: str, name: str, check: Callable[[str], str]) -> TextSetting:
        made = self.texts[key] = TextSetting(self._shell, key, name, check)
        made.refused.connect(lambda error: say_error(self.errors[key], error))
        return made

    def _add_text(self, key: str, name: str, control: QWidget | QHBoxLayout, note: str) -> None:
        self.errors[key] = add_setting(self, name, control, note)

    def _number(self, key: str, name: str, suffix: str) -> NumberBox:
        setting = SETTINGS[key]
        made = self.numbers[key] = NumberBox(int(setting.low or 0), int(setting.high or 0), suffix)
        made.setAccessibleName(name)
        made.setFixedWidth(max(150, self._shell.theme.px(150)))
        made.valueChanged.connect(partial(self._shell.settings.store, key))
        return made

    def _seal(self, sealed: bool) -> None:
        if sealed:
            self._shell.settings.store(SEALED, value=True)
            return
        # the box follows the setting, and that only a word of the user
        self.sealed.blockSignals(True)  # noqa: FBT003
        self.sealed.setChecked(True)
        self.sealed.blockSignals(False)  # noqa: FBT003
        ask_to_open(self, self._shell)

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self.tr("File of certificate authorities"))
        dialog.setNameFilters([self.tr("Certificates (*.pem *.crt *.cer)"), self.tr("All files (*)")])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.texts[_CA_FILE].put)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def _beside(field: QWidget, button: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(field, 1)
    row.addWidget(button)
    return row
