"""Errors of transfer bundles and keys."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "bundle.not_a_bundle": (
        "{path} is no transfer bundle.",
        "A bundle is a folder with a file manifest.json; one whose making was stopped has none yet.",
        "Choose the bundle's folder, or finish it with the command that makes it.",
    ),
    "bundle.is_a_file": (
        "{path} is a file; a transfer bundle is a folder.",
        "Archives are not opened: an archive can hold anything under any name.",
        "Unpack it yourself if you trust it, then choose the folder with manifest.json in it.",
    ),
    "bundle.too_large": (
        "{path} has {size}; the most that is read is {limit}.",
        "No honest bundle is like that. Nothing of it was opened or written.",
        "Get the bundle again from whoever made it.",
    ),
    "bundle.malformed": (
        "The bundle's {path} is damaged or forged: {detail}.",
        "It was refused before anything was written.",
        "Copy the bundle again; if that does not help, ask for it to be made anew.",
    ),
    "bundle.newer": (
        "The bundle is of version {found}; this program knows versions up to {known}.",
        "A newer Bancada made it. Nothing was written.",
        "Update Bancada on this machine, or have the bundle made with this version.",
    ),
    "bundle.newer_content": (
        "The bundle holds something that this program does not know: {items}.",
        "A newer Bancada made it; taking only a part would not be what was signed. Nothing was written.",
        "Update Bancada on this machine, or ask for a bundle of models alone.",
    ),
    "bundle.unsafe_path": (
        "The bundle names a file that is refused: {path} ({reason}).",
        "Such a name can reach outside its folder or hide another file. Nothing was written.",
        "Do not use this bundle; ask whoever made it.",
    ),
    "bundle.link": (
        "{path} in the bundle is a link, or no plain file.",
        "A link can point to other files of this machine. Nothing was written.",
        "Copy the bundle again so that it holds files and no links.",
    ),
    "bundle.size_differs": (
        "{path} has {found} bytes; the manifest says {declared}.",
        "The copy stopped early, or the file was exchanged. Nothing of it was taken.",
        "Copy this file again from the original bundle, then import again.",
    ),
    "bundle.file_missing": (
        "The bundle's file {path} is not there.",
        "The disk was pulled out, or not everything was copied. What was taken so far is kept.",
        "Connect the disk or copy the file again, then import again: it continues there.",
    ),
    "bundle.file_damaged": (
        "The bundle's file {path} does not match the manifest.",
        "Its sha256 is {found} instead of {sha256}. Nothing of it is used; intact files are kept.",
        "Copy this one file again from the original bundle, then import again.",
    ),
    "bundle.unreadable": (
        "{path} in the bundle cannot be read: {detail}.",
        "The disk may have been pulled out. What was taken so far is kept.",
        "Connect the disk again, then import again: it continues where it stopped.",
    ),
    "bundle.unwritable": (
        "{path} cannot be written: {detail}.",
        "The bundle is not finished.",
        "Check that the disk is connected and may be written, then run the same command again.",
    ),
    "bundle.target_in_use": (
        "The folder {path} is not empty.",
        "A bundle gets a folder of its own; nothing was written.",
        "Choose a new folder.",
    ),
    "bundle.format_refused": (
        "{name} cannot be put into a bundle: its format is {format}.",
        "Bundles carry GGUF files, ONNX folders and safetensors folders. Nothing was written.",
        "Choose other models.",
    ),
    "bundle.model_differs": (
        "The model {name} in the bundle is not what the manifest says: {detail}.",
        "All of it was received, and it was refused when it was looked at. Nothing of it was kept.",
        "Do not use this bundle; ask whoever made it.",
    ),
    "bundle.expired": (
        "The bundle expired on {expires_at}.",
        "The rule of expiry: whoever made it wants it used before that day. Nothing of it is used.",
        "Ask for a new bundle; check this machine's date too.",
    ),
    "bundle.unsigned": (
        "The bundle is not signed by whoever made it.",
        "The rule of signatures: {needed} wanted here (setting bundles.signatures_required).",
        "Have its maker sign it (bancada bundle sign DIR --sign KEY); without an issuer it is made anew.",
    ),
    "bundle.no_issuer": (
        "The bundle in {path} was made without a key.",
        "It has no number of an issuer, so a signature on it would not count.",
        "Make it anew with: bancada bundle create DIR --sign KEY.",
    ),
    "bundle.signature_wrong": (
        "The signature of {name} on the bundle is wrong.",
        "The rule of signatures: the manifest was changed after it was signed, or the signature is forged.",
        "Do not use this bundle; ask {name}.",
    ),
    "bundle.signer_unknown": (
        "The bundle is signed by a key that is not trusted here: {key}.",
        "The rule of known signers: only trusted keys count. Nothing of it is used.",
        (
            "If you know whose key it is, get its public half, compare the fingerprint and trust it: under"
            " Models, Transfer, or with bancada keys trust FILE."
        ),
    ),
    "bundle.signer_revoked": (
        "The bundle is signed by {name}, whose key was revoked.",
        "The rule of known signers: signatures of a revoked key do not count. Nothing of it is used.",
        "Ask for a bundle that is signed with a trusted key.",
    ),
    "bundle.signer_expired": (
        "The bundle is signed by {name}, whose key expired on {expires_at}.",
        "The rule of known signers: signatures of an expired key do not count. Nothing of it is used.",
        "Ask for a bundle that is signed with a newer key.",
    ),
    "bundle.older": (
        "The bundle has the number {sequence} of {name}, and number {last} was admitted before.",
        "The rule of order: an older bundle could bring back what a newer one replaced.",
        "Ask for a new bundle of the same content; it gets a new number.",
    ),
    "bundle.second_signature_missing": (
        "The bundle {bundle} waits in quarantine: it has {valid} of {needed} signatures.",
        "The rule of four eyes: two persons approve what comes in. It was received and its content checked.",
        (
            "Have a second person approve it: under Models, Transfer, or with bancada bundle approve {bundle}"
            " --sign KEY."
        ),
    ),
    "bundle.signed_already": (
        "{name} has signed this bundle already.",
        "The rule of four eyes: two signatures by the same key count once.",
        "Sign with the key of another person.",
    ),
    "bundle.not_found": (
        "There is no bundle {bundle} here.",
        "It was discarded, or less than six digits of its number were given, or several begin with them.",
        "Choose one from: bancada bundle list.",
    ),
    "bundle.not_waiting": (
        "The bundle {bundle} does not wait for an approval.",
        "It was admitted already, or not all of it was received yet.",
        "Import the bundle's folder again.",
    ),
    "bundle.busy": (
        "The bundle {bundle} is being imported already.",
        "Two imports of the same bundle at once would disturb each other.",
        "Wait for the other import, or cancel it.",
    ),
    "bundle.no_receipt": (
        "The bundle {bundle} has no receipt.",
        "A receipt is made when a bundle is admitted to the library.",
        "Approve or import the bundle first.",
    ),
    "keys.not_found": (
        "There is no key {key}.",
        "Keys are named by their name or by the first digits of their fingerprint.",
        "Choose one from: bancada keys list.",
    ),
    "keys.name_taken": (
        "There is another key with the name {name}.",
        "Names tell people's keys apart.",
        "Choose another name.",
    ),
    "keys.name_invalid": (
        "The name {name} cannot be used for a key.",
        "Nothing is left of it without control characters and punctuation.",
        "Choose a name with at least one letter or digit.",
    ),
    "keys.file_invalid": (
        "{path} is no key that can be used: {detail}.",
        "It is damaged, or something else.",
        "Get the key again with: bancada keys export KEY FILE.",
    ),
    "keys.not_ours": (
        "The private half of the key {name} is not on this machine.",
        "Only the machine where a key was made can sign with it.",
        "Sign with a key of your own; make one with: bancada keys new NAME.",
    ),
    "keys.not_trusted": (
        "The key {name} cannot sign: it was revoked or has expired.",
        "Its signatures would not count anywhere.",
        "Make a new key with: bancada keys new NAME.",
    ),
    "keys.locked": (
        "The key {name} is locked.",
        (
            "Its passphrase is neither in the system's keyring nor in BANCADA_KEY_PASSPHRASE, and there is no"
            " terminal to ask for it."
        ),
        "Run the command in a terminal, or set the variable for this one command.",
    ),
    "keys.wrong_passphrase": (
        "The passphrase does not open the key {name}.",
        "Or the key's file was damaged. Nothing was signed.",
        "Type the passphrase again.",
    ),
    "keys.no_passphrase": (
        "The new key has no passphrase.",
        "There is no system keyring that could keep one ({detail}), and no terminal to ask for it.",
        "Run the command in a terminal, or set BANCADA_KEY_PASSPHRASE for this one command.",
    ),
    "keys.short_passphrase": (
        "The passphrase is too short.",
        "At least {least} characters keep a stolen key file from being opened by trying.",
        "Choose a longer one, for example four words.",
    ),
    "keys.passphrases_differ": (
        "The two passphrases are not the same.",
        "Nothing was made and nothing was changed.",
        "Run the command again and type the same passphrase twice.",
    ),
    "keys.unwritable": (
        "The key cannot be written to {path}: {detail}.",
        "Nothing was made.",
        "Choose another place.",
    ),
}
