"""Errors of the workspace: database, files, records."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "database.damaged": (
        "The workspace's database is damaged: {detail}.",
        "A part of {path} was overwritten or is missing. Nothing was changed, and no new database was made.",
        "Restore the newest backup, or save what can still be read from the damaged file.",
    ),
    "database.missing": (
        "The workspace's database is gone: {path}.",
        "There are backups, so this is no new workspace.",
        "Restore the newest backup, or start with an empty workspace.",
    ),
    "database.newer": (
        "This workspace was written by a newer Bancada: it has version {found}, this program knows {known}.",
        "An older program could damage it, so it was not opened.",
        "Update Bancada, or choose another workspace.",
    ),
    "database.foreign": (
        "{path} is the database of another program.",
        "It carries the application number {application_id}. It was not changed.",
        "Choose another folder as the workspace.",
    ),
    "database.tampered": (
        "The database contains programs that Bancada did not put there: {names}.",
        "Opening it could run instructions of someone else. It was not opened for use.",
        "Restore a backup, or ask who gave you this file.",
    ),
    "database.locked": (
        "The workspace is encrypted, and the passphrase is missing or wrong.",
        "Without the right passphrase nobody can read it, Bancada's makers included.",
        "Enter the passphrase, minding capital letters; programs put it into BANCADA_PASSPHRASE.",
    ),
    "database.short_passphrase": (
        "The passphrase is too short.",
        "At least {least} characters keep a stolen file from being opened by trying. Nothing was changed.",
        "Choose a longer one, for example four words.",
    ),
    "database.no_new_passphrase": (
        "No new passphrase was given.",
        "There is no terminal on which it could be typed. Nothing was changed.",
        "Run the command on a terminal, or put the passphrase into the environment variable {variable}.",
    ),
    "database.not_encrypted": (
        "A passphrase was given, but the workspace {path} is not encrypted.",
        "It was not opened, so that nobody believes it to be protected.",
        "Open it without a passphrase; bancada passphrase set turns encryption on.",
    ),
    "database.no_keyring": (
        "The system's keyring cannot be used: {detail}.",
        "The passphrase was not stored, so it will be asked for at every start.",
        "Unlock or set up the keyring of your desktop, then try again.",
    ),
    "database.busy": (
        "Another program is writing to the workspace.",
        "Nothing was written and nothing was lost; the other one has kept its lock for several seconds.",
        "Try again. If it does not end, close other windows of Bancada on this workspace.",
    ),
    "database.read_only": (
        "The workspace can only be read: {path}.",
        "The folder or disk does not allow writing: nothing is saved. {detail}",
        "Allow writing to the folder, or choose another one as the workspace.",
    ),
    "database.unreadable": (
        "The workspace cannot be reached: {path} ({detail}).",
        "The disk reports an error, or the folder is not there or not yours.",
        (
            "Check that the disk is connected and that the folder belongs to you, then try again; "
            "or name another folder (--home on the command line)."
        ),
    ),
    "home.path_too_long": (
        "The path of the workspace is too long: {length} bytes of at most {limit}: {path}.",
        "The database cannot be opened under such a name. Nothing was written.",
        "Choose a folder with a shorter path, or move this one.",
    ),
    "home.unknown": (
        "It is not known where this user's files are.",
        "The variable HOME is not set and the system does not know the user. Nothing was written.",
        "Name the workspace's folder with --home or with the variable BANCADA_HOME.",
    ),
    "database.migration_failed": (
        "Bringing the workspace from version {found} to {known} failed: {detail}.",
        "The copy made before was put back: the workspace is as it was, and the older program can open it.",
        "Report this with the details. Go on with the older version of Bancada until it is mended.",
    ),
    "database.value_refused": (
        "A value cannot be stored: {detail}.",
        "It does not fit its place in the database. Nothing was changed.",
        "Change the value; if you did not enter one, report this with the details.",
    ),
    "database.not_salvageable": (
        "Nothing could be read from the damaged database {path}.",
        "Its pages are overwritten. The file was not changed.",
        "Restore the newest backup, or start with an empty workspace.",
    ),
    "backup.not_found": (
        "There is no backup {path}.",
        "It may have been removed by the rotation of backups. Nothing was changed.",
        "Choose one of the listed backups.",
    ),
    "disk.full": (
        "The disk is full: {need} are needed, {have} are free in {path}.",
        "What was being written is not there; what was stored before is whole. You can still delete.",
        "Remove models or other files until there is room, then try again.",
    ),
    "output.failed": (
        "The result could not be written to standard output: {detail}.",
        "What the command did is done and kept; only its words are missing.",
        "Write to another place, or make room there.",
    ),
    "settings.unknown": (
        "There is no setting {key}.",
        "Nothing was changed.",
        "See the list of settings for the right name.",
    ),
    "settings.wrong_type": (
        "The setting {key} cannot be {value}.",
        "It must be of the type {expected}. Nothing was changed; the default holds.",
        "Enter a value of that type.",
    ),
    "settings.not_a_choice": (
        "The setting {key} cannot be {value}.",
        "It must be one of: {choices}. Nothing was changed; the default holds.",
        "Choose one of these.",
    ),
    "settings.out_of_range": (
        "The setting {key} cannot be {value}.",
        "It must be from {low} to {high}. Nothing was changed; the default holds.",
        "Enter a value in that range.",
    ),
    "settings.too_long": (
        "The text for the setting {key} is too long: {length} characters.",
        "At most {limit} characters can be stored. Nothing was changed.",
        "Shorten it.",
    ),
    "model.not_found": (
        "There is no model {text}.",
        "Models with a similar name: {near}.",
        "Choose one from the list of models.",
    ),
    "model.file_missing": (
        "A file is missing: {path}.",
        "It was moved or removed, or its disk is not connected.",
        "Connect the disk, or import the model again from its original file.",
    ),
    "model.file_damaged": (
        "A model's file is damaged: {path}.",
        "Its content is not what was imported: sha256 {found} instead of {sha256}. It was not loaded.",
        "Import the model again from an undamaged file.",
    ),
    "model.file_unreadable": (
        "The file {path} cannot be used: {detail}.",
        "Nothing was imported or changed.",
        "Check that it is a file that you may read, and that its disk works.",
    ),
    "model.file_changed": (
        "The file {path} was changed while it was being read.",
        "Another program is still writing it. Nothing was imported.",
        "Wait until it is finished, then try again.",
    ),
    "model.file_differs": (
        "{path} is another file than the one that is missing.",
        "Its sha256 is {found}, wanted is {sha256}. Nothing was changed.",
        "Choose the original file, or import this one as a new model.",
    ),
    "storage.area_unknown": (
        "{area} is nothing that can be cleaned up.",
        "What can be: {choices}. Nothing was removed.",
        "Choose one of these.",
    ),
    "run.not_found": (
        "There is no run {run}.",
        "It was removed, or the number is not complete.",
        "Choose one from the list of runs.",
    ),
    "request.not_found": (
        "There is no request {request}.",
        "It was removed, or the number is not complete.",
        "Choose one from the list.",
    ),
    "preset.not_found": (
        "There is no preset {name}.",
        "It was removed or renamed.",
        "Choose one from the list of presets.",
    ),
    "conversation.not_found": (
        "There is no conversation {conversation}.",
        "It was deleted.",
        "Choose one from the list.",
    ),
    "message.not_found": (
        "There is no message {message} in this conversation.",
        "It was deleted with its conversation.",
        "Choose another message.",
    ),
}
