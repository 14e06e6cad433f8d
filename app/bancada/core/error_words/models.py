"""Errors of models: files that come from outside, and the catalogue."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    # -- models: files that come from outside
    "model.empty_file": (
        "{path} is an empty file.",
        "There is nothing in it; a download or a copy that failed leaves such files.",
        "Get the file again and import it.",
    ),
    "model.not_a_file": (
        "{path} is neither a plain file nor a folder.",
        "Models are imported from files and folders, not from devices or pipes.",
        "Choose the model's .gguf file or its ONNX folder.",
    ),
    "model.unreadable": (
        "{path} cannot be read: {detail}.",
        "The system refused to open it. Nothing was imported.",
        "Check that the disk is connected and that you may read the file, then try again.",
    ),
    "model.not_gguf": (
        "{path} is not a GGUF model: it is {kind}.",
        "What counts is the file's content, not its name. It was not opened any further.",
        "Choose a .gguf file or a folder with genai_config.json; get the file again if it should be one.",
    ),
    "model.big_endian": (
        "The file is a GGUF model for big-endian machines.",
        "Its numbers are stored in the other byte order, so this machine cannot use it.",
        "Get the usual (little-endian) file of the same model.",
    ),
    "model.gguf_version": (
        "The file is GGUF of version {version}.",
        "Versions 2 and 3 can be read; version 1 is too old, others are unknown.",
        "Get a current file of the model, or a newer Bancada.",
    ),
    "model.cut_in_header": (
        "The file is incomplete: it ends after {have} bytes, inside its header, which needs at least {need}.",
        "The download or copy stopped early. Nothing was imported.",
        "Get the whole file again and import it.",
    ),
    "model.incomplete": (
        "The file is incomplete: {have} of {need} bytes.",
        "The download or copy stopped early. Nothing was imported.",
        "Get the whole file again and import it.",
    ),
    "model.header_invalid": (
        "The file's header is damaged or forged: {detail}.",
        "It was refused before any of it reached the engine. Nothing was imported.",
        "Get the file again from a source that you trust, and compare its checksum.",
    ),
    "model.metadata_missing": (
        "The file does not say its {key}.",
        "It is not a whole language model; vision parts and adapters look like this.",
        "Choose the file of the language model itself.",
    ),
    "model.no_weights": (
        "The file holds no weights.",
        "It describes a model or a vocabulary only, so nothing can be run from it.",
        "Choose the file that holds the model itself.",
    ),
    "model.split_file": (
        "The file is one of {count} parts of a model.",
        "Models in several parts cannot be imported yet.",
        "Join the parts with llama-gguf-split --merge, or get the model as one file.",
    ),
    "model.several_files": (
        "The folder {path} holds {count} GGUF files.",
        "Each of them is a model of its own.",
        "Import one of them by its file, for example {first}.",
    ),
    "model.folder_unknown": (
        "The folder {path} holds no model that can be imported.",
        "A folder needs genai_config.json (for ONNX), one GGUF file, or config.json with safetensors.",
        "Choose the model's .gguf file, or the folder that has one of these in it.",
    ),
    "model.needs_conversion": (
        "{path} holds Hugging Face weights (safetensors) without their configuration.",
        "A model in this layout is a folder: config.json, the tokenizer and all parts of the weights.",
        "Choose the folder that has config.json in it.",
    ),
    "model.not_runnable": (
        "{name} cannot be run as it is: its format is {format}.",
        "The engines here answer from GGUF files and from ONNX folders of text generators.",
        "Convert it first: bancada convert {name} --to gguf.",
    ),
    "model.safetensors_invalid": (
        "The safetensors file is damaged or forged: {detail}.",
        "It was refused after reading its header alone. Nothing was imported.",
        "Get the file again from a source that you trust.",
    ),
    "model.onnx_config": (
        "The ONNX folder's configuration cannot be used: {detail}.",
        "It is damaged, or made for another program. Nothing was imported.",
        "Make the folder again with onnxruntime-genai's model builder, or get it from another source.",
    ),
    "model.onnx_invalid": (
        "{path} is damaged or forged: {detail}.",
        "It was refused before ONNX Runtime saw it. Nothing was imported.",
        "Get the folder again from a source that you trust.",
    ),
    "model.unsafe_path": (
        "The model names a file that is refused: {path}.",
        "It is a link or lies outside the model's folder; a hostile model can reach other files that way.",
        "If you trust the model, replace links by copies of the files and keep them all in one folder.",
    ),
    "model.custom_operators": (
        "The model needs program code of its own: {detail}.",
        "Such code could do anything on this machine, so it is never loaded.",
        "Get the model in a form that uses standard operators only.",
    ),
    "model.pickle": (
        "{path} is {kind}.",
        "Opening such a file can run any code, so it is never opened.",
        "Get the model as GGUF, or as ONNX with plain data files.",
    ),
    "model.name_invalid": (
        "The name {name} cannot be used.",
        "Nothing is left of it without control characters and punctuation.",
        "Choose a name with at least one letter or digit.",
    ),
    "model.put_aside": (
        "{name} was put aside: its worker died {crashes} times.",
        "Loading it again will probably crash again; nothing else is affected.",
        "Verify its files, import it anew, or load it anyway if you want to try.",
    ),
    "model.in_use": (
        "{name} is needed by a job: {job}.",
        "Removing it now would make the job fail.",
        "Cancel the job or wait for its end, then remove the model.",
    ),
    "model.context_out_of_range": (
        "A context of {context} tokens is outside 1 to {limit}, which {name} was made for.",
        "The model answers nonsense beyond that length.",
        "Choose a context in that range.",
    ),
    "model.cache_type_unknown": (
        "{value} is no type of cache.",
        "The cache of keys and values can be kept in these types: {choices}.",
        "Choose one of them; f16 is the usual one.",
    ),
    "model.stage_unknown": (
        "There is no stage {stage}.",
        "A version of a model is at one of: {choices}. Nothing was changed.",
        "Choose one of these.",
    ),
    "model.reason_needed": (
        "The stage {stage} needs a reason.",
        "Others will rely on it and will want to know why. Nothing was changed.",
        "Say in a sentence why, then try again.",
    ),
    "model.reason_long": (
        "The reason is too long: {length} characters.",
        "At most {limit} characters are kept. Nothing was changed.",
        "Say it shorter; longer texts belong to the notes of the model.",
    ),
    "model.certificate_red": (
        "{name} has a red certificate.",
        "Compared with the file that it was made from, it answers too differently. Nothing was changed.",
        "Take another quantization, or say why this one is to be used all the same: it will be recorded.",
    ),
    "model.retired": (
        "{name} is retired.",
        "An alias must not lead to a version that is out of use. Nothing was changed.",
        "Choose another version, or bring this one to another stage first.",
    ),
    "model.still_aliased": (
        "{name} is still named by: {aliases}.",
        "Whoever uses these names would get a version that is out of use. Nothing was changed.",
        "Let the names point to another version, or remove them, then retire this one.",
    ),
    "model.alias_invalid": (
        "{alias} cannot be an alias.",
        "An alias begins with a letter and has at most 40 letters, digits, dots, dashes and underscores.",
        "Choose a name such as production.",
    ),
    "model.alias_not_found": (
        "There is no alias {alias}.",
        "The model has no version of that name. Nothing was changed.",
        "Choose one of the aliases that the model's card lists.",
    ),
    "model.tag_invalid": (
        "{tag} cannot be a tag.",
        "A tag has 1 to {limit} characters, and no comma. Nothing was changed.",
        "Choose a shorter word.",
    ),
    "model.tags_many": (
        "These are too many tags: {count}.",
        "A model has at most {limit}. Nothing was changed.",
        "Remove some.",
    ),
    "model.export_in_use": (
        "There is something already: {path}.",
        "An export never overwrites. Nothing was written.",
        "Name a folder that is not there yet, or an empty one.",
    ),
    "model.export_failed": (
        "{path} cannot be written: {detail}.",
        "Nothing of the export is left there.",
        "Check that the place exists and that you may write there, or choose another one.",
    ),
    # -- the catalogue of models
    "catalogue.malformed": (
        "The catalogue of models cannot be used: in {entry}, {detail}.",
        "A catalogue with one wrong entry is refused as a whole; the one in use before stays in use.",
        "Get the file again from whoever made it, or ask them to correct it.",
    ),
    "catalogue.too_large": (
        "The catalogue of models has {size}, and at most {limit} are read.",
        "A real one is far smaller.",
        "Get the file again from whoever made it.",
    ),
    "catalogue.newer": (
        "The catalogue of models was made for a newer Bancada: its format is {found}, not {known}.",
        "It may say things that this version would not understand.",
        "Update Bancada, or get a catalogue that was made for this version.",
    ),
    "catalogue.older": (
        "The catalogue of models is edition {found}, and edition {known} is in use here.",
        "An older edition never takes the place of a newer one.",
        "Get a newer edition; nothing was changed.",
    ),
    "catalogue.unreadable": (
        "The catalogue of models in {path} cannot be read: {detail}.",
        "The file is missing, or the system does not give it out.",
        "Install Bancada anew, or bring the catalogue again.",
    ),
    "catalogue.damaged": (
        "The catalogue of models in {path} is not what it was when it was brought here.",
        "It was changed or damaged on the disk, so it is not used.",
        "Import the bundle that it came with once more.",
    ),
    "catalogue.unwritable": (
        "The catalogue of models could not be stored as {path}: {detail}.",
        "The folder of the workspace refuses to be written.",
        "Make the folder writable and import it again.",
    ),
    "catalogue.not_found": (
        "The catalogue has no model called {name}.",
        "Names are looked for as they are listed, or by their short id.",
        "Search the catalogue for a part of the name.",
    ),
}
