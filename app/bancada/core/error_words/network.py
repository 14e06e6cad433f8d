"""Errors of network, hub, downloads and the office mirror."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "network.sealed": (
        "Nothing may leave this machine, so {host} was not contacted.",
        "The network is sealed: only addresses of this machine itself can be reached.",
        "Open it with: bancada settings set network.sealed off. Or bring the model as a file and import it.",
    ),
    "network.unreachable": (
        "{host} cannot be reached: {detail}.",
        "The network, the address or the server is the cause. What was fetched before is kept.",
        "Check the connection, the address in the settings and the proxy, then run it again: it goes on.",
    ),
    "network.stalled": (
        "{host} stopped answering.",
        "It was asked several times and waited for. What was fetched before is kept.",
        "Run it again later: it goes on where it stopped.",
    ),
    "network.certificate": (
        "{host} could not prove who it is: {detail}.",
        "Somebody may be in between, or your office uses a certificate authority of its own.",
        "Ask your administrator for its certificate file and set hub.ca_file to it.",
    ),
    "network.proxy_refused": (
        "The proxy refused: {detail}.",
        "Nothing was fetched.",
        "Check the setting hub.proxy. A proxy that wants a password cannot be used yet.",
    ),
    "hub.endpoint_invalid": (
        "The hub's address cannot be used: {endpoint}.",
        "It must begin with http:// or https:// and hold no password.",
        "Correct the setting hub.endpoint, for example to https://huggingface.co.",
    ),
    "hub.proxy_invalid": (
        "The proxy's address cannot be used: {proxy}.",
        "It must look like http://proxy:3128 and hold no password, which everybody could read there.",
        "Correct the setting hub.proxy.",
    ),
    "hub.ca_file_invalid": (
        "The file of certificate authorities {path} cannot be used: {detail}.",
        "It must be a readable file in PEM form. Nothing was contacted.",
        "Correct the setting hub.ca_file.",
    ),
    "hub.repo_invalid": (
        "{repo} is no name of a repository.",
        "It is a name, or owner/name, of letters, digits, dots, dashes and underscores.",
        "Copy the name from the hub's page or from a search.",
    ),
    "hub.revision_invalid": (
        "{revision} is no name of a revision.",
        "It is a branch, a tag, or a commit of 40 digits.",
        "Leave it out to get the newest, or copy it from the hub's page.",
    ),
    "hub.token_invalid": (
        "This cannot be a token.",
        "A token is one word of letters, digits and signs.",
        "Copy it again from the hub's page, without spaces.",
    ),
    "hub.no_keyring": (
        "The system's keyring cannot be used: {detail}.",
        "The token was not stored: it is never written into a file.",
        "Unlock or set up the keyring, or give the token in the environment variable {variable}.",
    ),
    "hub.not_found": (
        "{host} has no such repository or file: {url}.",
        "The name is wrong, it was removed, or it is private and your token does not open it.",
        "Check the name; for a private repository store a token with: bancada hub login.",
    ),
    "hub.revision_not_found": (
        "There is no such revision: {url}.",
        "The branch, tag or commit was removed, or never was. (Asked: {host}.)",
        "Leave the revision out to get the newest one.",
    ),
    "hub.gated": (
        "{host} gives this repository only to people whom its owner has let in: {url}.",
        "Its licence has to be accepted on the hub's page, and a token has to show who you are.",
        "Accept it there in a browser, then store your token with: bancada hub login.",
    ),
    "hub.token_refused": (
        "{host} refused the token, or wants one: {url}.",
        "Without the right token this server gives nothing.",
        "Store the token that belongs to this server with: bancada hub login.",
    ),
    "hub.unavailable": (
        "{host} is overloaded or out of order (status {status}).",
        "It was asked several times. It wants to be left alone for {wait} seconds. What was fetched is kept.",
        "Run it again later: it goes on where it stopped.",
    ),
    "hub.bad_answer": (
        "{host} gave an answer that cannot be used: {detail}.",
        "It is no hub, or it is out of order.",
        "Check the setting hub.endpoint; if it is right, try again later.",
    ),
    "hub.redirect_refused": (
        "{host} sent us to {target}, where we do not go.",
        "It would leave encryption, or reach into this machine. Nothing was sent there.",
        "Check the setting hub.endpoint, and ask whoever runs the server.",
    ),
    "hub.no_model": (
        "{repo} holds no model that can be taken.",
        "Only GGUF, safetensors and ONNX (with genai_config.json) are taken. Refused were: {refused}.",
        "Look for the same model in one of these formats.",
    ),
    "hub.no_match": (
        "No file of {repo} fits {pattern}.",
        "Its models are: {files}.",
        "Name one of them with --file.",
    ),
    "hub.choose_file": (
        "{repo} holds {count} models; name the one that you want.",
        "They are: {files}.",
        "Name it with --file, where * stands for any text, for example --file '*Q4_K_M.gguf'.",
    ),
    "hub.too_many": (
        "The pattern names {count} models, and at most {limit} are fetched at once.",
        "Nothing was fetched.",
        "Use a narrower pattern.",
    ),
    "hub.file_refused": (
        "{path} is not taken: {kind}.",
        "Such files can run any code on this machine, or leave the folder they belong to.",
        "Look for the same model as GGUF, safetensors or ONNX.",
    ),
    "hub.names_clash": (
        "The repository has two files of one name: {first} and {second}.",
        "On many systems they are the same file, and one would replace the other.",
        "Ask whoever made the repository, or choose another one.",
    ),
    "hub.no_hash": (
        "The server does not say what {path} is to look like: it gives no checksum.",
        "Without one nobody can tell whether it arrived whole. Nothing was fetched.",
        "Use another hub or mirror.",
    ),
    "download.changed": (
        "{path} is not the file any more that the hub has listed: {detail}.",
        "It was changed meanwhile, or the server mixes things up. It was not put into the library.",
        "Run it again; name a revision with --revision to get a fixed one.",
    ),
    "download.short": (
        "{path} arrived only in part: {have} of {need}.",
        "The server ended it early each time. What arrived is kept.",
        "Run it again later: it goes on where it stopped.",
    ),
    "download.damaged": (
        "{path} arrived damaged twice: sha256 {found} instead of {wanted}.",
        "It is in quarantine and was not put into the library: {place}.",
        "Try again later or from another hub; if it stays so, tell whoever runs the server.",
    ),
    "download.disguised": (
        "{path} is not what its name says: it is {kind}.",
        "It is in quarantine and was not put into the library: {place}.",
        "Do not use it; look for the model elsewhere.",
    ),
    "download.running": (
        "{title} still runs, so what it has fetched is not thrown away.",
        "A download that runs goes on with it.",
        "Cancel it first.",
    ),
    "download.not_quarantined": (
        "No file of this name is in quarantine: {key}.",
        "It was removed already, or the name is wrong.",
        "List them with: bancada hub leftovers.",
    ),
    "mirror.ended": (
        "The office mirror has ended by itself.",
        "Other machines get nothing from this library any more.",
        "Turn it on again; the log of its worker says more.",
    ),
    "mirror.port_taken": (
        "The mirror cannot listen on {address}: {detail}.",
        "Another program uses the port, or the address is not one of this machine's.",
        "Choose another port or address.",
    ),
    "mirror.lan_off": (
        "The mirror may only be reached from this machine, not on {host}.",
        "Other machines could fetch every model of this library.",
        "If that is wanted: bancada settings set mirror.lan on, and network.sealed off.",
    ),
    "model.hf_config": (
        "The model's folder cannot be used: {detail}.",
        "It is damaged or incomplete. It was not put into the library.",
        "Get it again, or from another source.",
    ),
}
