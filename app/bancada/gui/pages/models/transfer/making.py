"""The form of a new bundle: which models, where to, in which parts, signed by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.bundles.jobs import BundleCreateParams
from bancada.catalog.bundles.manifest import FAT32_PART_BYTES, MAX_FILE_BYTES
from bancada.gui.models.transfer import SMALL_FILES_ONLY, KeyRow, carriable, place_of, usable_keys
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    Chip,
    Label,
    NumberBox,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.format import bytes_text, number
from bancada.gui.widgets.states import ErrorPanel
from bancada.storage.models import VersionRecord
from bancada.storage.signing_keys import KeyRecord

_MEBIBYTE: Final = 1 << 20
_MOST_MIB: Final = 1 << 20
_MOST_DAYS: Final = 36_500
_LONGEST: Final = 200
_ID: Final = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Making:
    """What the person decided; without ``key`` the bundle stays unsigned."""

    params: BundleCreateParams
    key: KeyRecord | None


class MakingSheet(Card):
    """``make`` carries a :class:`Making`; ``closed`` says that nothing is to be made."""

    make = Signal(object)
    new_key = Signal()
    closed = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._versions: dict[str, VersionRecord] = {}
        self._keys: list[KeyRecord] = []
        self._free: int | None = None
        self._system = ""
        self._parent: Path | None = None
        self.back = PlainButton(self.tr("Back"))
        self.back.clicked.connect(self.closed)
        self.header.insertWidget(0, self.back)
        self.header.insertWidget(1, Label(self.tr("Carry models out"), "subtitle"))
        self.go = PrimaryButton(self.tr("Make the bundle"))
        self.go.clicked.connect(self._accept)
        self.header.addWidget(self.go)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.body.addWidget(self.error)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(24)
        self._columns.addLayout(self._build_models(), 5)
        self._columns.addLayout(self._build_form(), 5)
        self.body.addLayout(self._columns, 1)

    def open(self, wanted: tuple[str, ...] = ()) -> None:
        """Show the form with the library's models; those of ``wanted`` are ticked."""
        context = self._shell.context
        self.error.hide()
        self.title_field.clear()
        self._propose()
        self._shell.background.run(
            lambda: carriable(context), partial(self._show_models, wanted), self.error.show_error, owner=self
        )
        self.filter.setFocus()

    def show_keys(self, rows: tuple[KeyRow, ...]) -> None:
        """Offer the keys that can sign; the chosen one stays."""
        # without a key nobody was chosen: it was the only choice
        chosen = self.key.currentText() if self._keys else ""
        self._keys = usable_keys(rows)
        self.key.clear()
        for one in self._keys:
            self.key.addItem(one.name)
        self.key.addItem(self.tr("Nobody: it stays unsigned"))
        at = self.key.findText(chosen) if chosen else 0
        self.key.setCurrentIndex(max(at, 0))
        self._check()

    def set_narrow(self, narrow: bool) -> None:
        """Put the form below the models, or beside them."""
        ways = QBoxLayout.Direction
        self._columns.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)

    def set_folder(self, parent: Path) -> None:
        """Make it below ``parent``, in a folder of its own."""
        self._parent = parent
        self.place.setText(str(parent))
        self._free = None
        self._shell.background.run(
            lambda: place_of(parent), partial(self._show_place, parent), self.error.show_error, owner=self
        )
        self._check()

    # -- building

    def _build_models(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(SectionLabel(self.tr("Models")))
        self.filter = QLineEdit(placeholderText=self.tr("Filter"), clearButtonEnabled=True)
        self.filter.setAccessibleName(self.tr("Filter the models"))
        self.filter.textChanged.connect(self._filter)
        column.addWidget(self.filter)
        self.models = QListWidget()
        self.models.setAccessibleName(self.tr("Models to carry; the space bar ticks"))
        self.models.setUniformItemSizes(True)
        self.models.setMinimumHeight(120)
        self.models.itemChanged.connect(self._check)
        column.addWidget(self.models, 1)
        self._sum = Label("", "muted", wrap=True)
        column.addWidget(self._sum)
        return column

    def _build_form(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.title_field = QLineEdit()
        self.title_field.setMaxLength(_LONGEST)
        self.title_field.setPlaceholderText(self.tr("What it is for; left empty: the models' names"))
        self.title_field.setAccessibleName(self.tr("Title"))
        form.addRow(Label(self.tr("Title")), self.title_field)
        form.addRow(Label(self.tr("Stick or disk")), self._build_place())
        self.name = QLineEdit()
        self.name.setMaxLength(_LONGEST)
        self.name.setAccessibleName(self.tr("New folder"))
        self.name.textChanged.connect(self._check)
        form.addRow(Label(self.tr("New folder")), self.name)
        self._room = Chip()
        form.addRow(Label(self.tr("Room")), self._room)
        form.addRow(Label(self.tr("Large files")), self._build_parts())
        self._part_words = Label("", "note", wrap=True)
        form.addRow(Label(""), self._part_words)
        form.addRow(Label(self.tr("Signed by")), self._build_key())
        self._key_words = Label("", "note", wrap=True)
        form.addRow(Label(""), self._key_words)
        self.days = NumberBox(0, _MOST_DAYS, self.tr(" days"))
        self.days.setSpecialValueText(self.tr("never"))
        self.days.setAccessibleName(self.tr("Expires after"))
        self.days.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.days.setToolTip(self.tr("After that day other offices refuse it by the rule of expiry"))
        form.addRow(Label(self.tr("Expires after")), self.days)
        column.addLayout(form)
        column.addStretch(1)
        return column

    def _build_place(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.place = QLineEdit()
        self.place.setReadOnly(True)
        self.place.setPlaceholderText(self.tr("Not chosen yet"))
        self.place.setAccessibleName(self.tr("Stick or disk"))
        self.choose = PlainButton(self.tr("Choose\N{HORIZONTAL ELLIPSIS}"))
        self.choose.setAccessibleName(self.tr("Choose the stick or disk"))
        self.choose.clicked.connect(self.choose_folder)
        row.addWidget(self.place, 1)
        row.addWidget(self.choose)
        return holder

    def _build_parts(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.parts = QComboBox()
        self.parts.setAccessibleName(self.tr("How large files are cut"))
        for text in (
            self.tr("Cut for any stick (FAT32)"),
            self.tr("Leave whole"),
            self.tr("Cut to parts of"),
        ):
            self.parts.addItem(text)
        self.part_size = NumberBox(1, _MOST_MIB, self.tr(" MiB"))
        self.part_size.setValue(1_000)
        self.part_size.setAccessibleName(self.tr("Size of a part"))
        self.part_size.hide()
        self.parts.currentIndexChanged.connect(self._check)
        self.part_size.valueChanged.connect(self._check)
        row.addWidget(self.parts, 1)
        row.addWidget(self.part_size)
        return holder

    def _build_key(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.key = QComboBox()
        self.key.setAccessibleName(self.tr("Signed by"))
        self.key.currentIndexChanged.connect(self._check)
        new = PlainButton(self.tr("New key\N{HORIZONTAL ELLIPSIS}"))
        new.clicked.connect(self.new_key)
        row.addWidget(self.key, 1)
        row.addWidget(new)
        return holder

    # -- what is shown

    def _show_models(self, wanted: tuple[str, ...], versions: list[VersionRecord]) -> None:
        self._versions = {one.id: one for one in versions}
        self.models.clear()
        for one in versions:
            parts = [
                f"{one.name}:{one.version}",
                one.quantization,
                bytes_text(one.size_bytes),
                one.license or self.tr("licence not stated"),
            ]
            item = QListWidgetItem(" \N{MIDDLE DOT} ".join(part for part in parts if part))
            item.setData(_ID, one.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if one.id in wanted else Qt.CheckState.Unchecked)
            self.models.addItem(item)
        if versions:
            self.models.setCurrentRow(0)
        self._filter(self.filter.text())
        self._check()

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for at in range(self.models.count()):
            item = self.models.item(at)
            item.setHidden(not all(word in item.text().casefold() for word in words))

    def _propose(self) -> None:
        self.name.setText(f"bancada-{datetime.now(UTC).astimezone():%Y-%m-%d-%H%M}")

    def _show_place(self, parent: Path, found: tuple[int, str]) -> None:
        if parent == self._parent:
            self._free, self._system = found
            self._check()

    def chosen(self) -> list[VersionRecord]:
        """The ticked versions."""
        items = (self.models.item(at) for at in range(self.models.count()))
        return [self._versions[one.data(_ID)] for one in items if one.checkState() is Qt.CheckState.Checked]

    @property
    def part_bytes(self) -> int:
        """The size at which files are cut."""
        return (FAT32_PART_BYTES, MAX_FILE_BYTES, self.part_size.value() * _MEBIBYTE)[
            self.parts.currentIndex()
        ]

    def _check(self) -> None:
        chosen = self.chosen()
        files = {file.sha256: file.size_bytes for one in chosen for file in one.files}
        need = sum(files.values())
        text = self.tr("%1 of %3 models, %2")
        if not self._versions:
            text = self.tr("The library has no model that could be carried.")
        elif not chosen:
            text = self.tr("Tick the models that are to go.")
        self._sum.setText(
            text.replace("%1", number(len(chosen)))
            .replace("%2", bytes_text(need))
            .replace("%3", number(len(self._versions)))
        )
        room = self._show_room(need)
        largest = max(files.values(), default=0)
        whole = self._show_parts(largest)
        self._show_key()
        named = (
            bool(self.name.text().strip()) and Path(self.name.text().strip()).name == self.name.text().strip()
        )
        self.go.setEnabled(bool(chosen) and room and whole and named)

    def _show_room(self, need: int) -> bool:
        if self._free is None:
            self._room.set(self.tr("choose a stick or disk"), "plain")
            return False
        text = (
            self.tr("needs %1, %2 free").replace("%1", bytes_text(need)).replace("%2", bytes_text(self._free))
        )
        fits = need <= self._free
        self._room.set(text, "good" if fits else "bad")
        return fits

    def _show_parts(self, largest: int) -> bool:
        """Say how files are cut; False when the stick cannot hold them so."""
        self.part_size.setVisible(self.parts.currentIndex() == 2)
        cut = largest > self.part_bytes
        words = (
            self.tr("Many sticks (FAT32) hold no file of 4 GiB or more: larger ones are cut to 4,095 MiB."),
            self.tr("For disks with exFAT, NTFS or ext4. A FAT32 stick would refuse files of 4 GiB or more."),
            self.tr("Useful when the bundle is spread over several small disks."),
        )[self.parts.currentIndex()]
        small = self._system in SMALL_FILES_ONLY and min(largest, self.part_bytes) > FAT32_PART_BYTES
        if small:
            words = self.tr("This stick is FAT32: it cannot hold such large files. Let them be cut.")
        elif largest:
            count = -(-largest // self.part_bytes)
            here = (
                self.tr("The largest one here makes %1 parts.")
                if cut
                else self.tr("None here needs to be cut.")
            )
            if self.parts.currentIndex() != 1:
                words = f"{words} {here.replace('%1', number(count))}"
        self._part_words.setText(words)
        return not small

    def _show_key(self) -> None:
        at = self.key.currentIndex()
        if 0 <= at < len(self._keys):
            record = self._keys[at]
            text = self.tr(
                "Number %1 of this key. The other side refuses a lower number than it admitted last."
            )
            self._key_words.setText(text.replace("%1", str(record.last_made + 1)))
        else:
            self._key_words.setText(
                self.tr("It gets no number and cannot be signed later. Most offices refuse it.")
            )

    # -- what is done

    def choose_folder(self) -> None:
        """Ask for the stick or disk."""
        dialog = QFileDialog(self, self.tr("Where is the bundle to be made?"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.set_folder(Path(path)))
        dialog.open()

    def _accept(self) -> None:
        if not self.go.isEnabled() or self._parent is None:
            return
        at = self.key.currentIndex()
        key = self._keys[at] if 0 <= at < len(self._keys) else None
        params = BundleCreateParams(
            path=str(self._parent / self.name.text().strip()),
            version_ids=tuple(one.id for one in self.chosen()),
            title=self.title_field.text().strip(),
            issuer=key.id if key is not None else "",
            days=self.days.value() or None,
            part_bytes=self.part_bytes,
        )
        self.make.emit(Making(params, key))
