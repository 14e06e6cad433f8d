"""The views of the Models page, by name: naming one does not import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from bancada.gui.pages.page import Page


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A view of the Models page. ``title`` is translated by the page; ``target`` is a :class:`ModelsView`."""

    id: str
    title: str
    target: str


class ModelsView(Page):
    """A view of the Models page: a :class:`Page` without margins and without a title of its own.

    It is built at the first visit, with the shell alone, and ``opened`` gets the arguments of
    ``shell.navigate("models", view="<id>", ...)`` without ``view``. Its actions are added with
    ``page="models.<id>"``: they are awake while the view is shown. It gets its own setting for an
    :class:`Arrangement` as ``models.<id>``.
    """

    #: what stands at the right of the page's title while the view is shown; set it before the end of __init__
    tools: QWidget | None = None


VIEWS: Final[tuple[ViewSpec, ...]] = (
    ViewSpec("library", "Library", "bancada.gui.pages.models.library.view:LibraryView"),
    ViewSpec("catalogue", "Catalogue", "bancada.gui.pages.models.catalogue.view:CatalogueView"),
    ViewSpec("hub", "Hub", "bancada.gui.pages.models.hub.view:HubView"),
    ViewSpec("transfer", "Transfer", "bancada.gui.pages.models.transfer.view:TransferView"),
)


def view_title(spec: ViewSpec) -> str:
    """The translated title of a view."""
    return QCoreApplication.translate("models_views", spec.title)
