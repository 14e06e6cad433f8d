"""Errors of chat, engines, templates and grammars."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    # -- chat
    "chat.file_unreadable": (
        "The file {path} could not be read: {detail}.",
        "Nothing was inserted into your question.",
        "Check that the file is still there and that you may read it.",
    ),
    "chat.file_too_large": (
        "The file {name} has {size}; up to {limit} can be inserted into a question.",
        "A text of that size would not fit a model's context.",
        "Copy the part that matters and paste it.",
    ),
    "chat.file_not_text": (
        "The file {name} is not plain text.",
        "Only text files (UTF-8) can be inserted into a question; nothing was inserted.",
        "Save it as plain text in UTF-8, or copy its text and paste it.",
    ),
    "chat.no_model": (
        "No model is chosen.",
        "A question needs a model that answers it. Your question is kept.",
        "Choose a model at the top (Ctrl+L), or import one on the page Models.",
    ),
    "chat.export_failed": (
        "The conversation could not be written to {path}: {detail}.",
        "The conversation itself is safe in Bancada.",
        "Choose another folder, or make room on this one.",
    ),
    # -- engine (llama.cpp, templates, grammars)
    "engine.not_loaded": (
        "No model is loaded in this session.",
        "The session was closed, or loading did not finish.",
        "Open the model again.",
    ),
    "engine.missing": (
        "The engine llama.cpp cannot be started: {detail}.",
        "The package llama-cpp-python is missing, or was built for another processor.",
        "Run the set-up again (make run); it builds the engine for this machine and tries it.",
    ),
    "engine.out_of_memory": (
        "There is not enough memory for this model and context: {detail}.",
        "The weights, the memory of the conversation and the work space must fit together.",
        "Choose a smaller context, a more compact cache type, or a smaller model, or close other programs.",
    ),
    "engine.context_failed": (
        "The engine could not prepare a conversation with this model: {detail}.",
        "The model's description of itself may be wrong, or the settings do not suit it.",
        "Load it with standard settings (context 4096, cache f16); if that fails too, import the file again.",
    ),
    "engine.cache_type": (
        "{value} is no type of cache that this engine knows.",
        "The cache keeps the conversation in memory; the engine knows {known}.",
        "Choose one of these in the model's settings.",
    ),
    "engine.evaluation_failed": (
        "The engine stopped with status {status} while it was calculating.",
        "The answer could not be continued; what was generated before is kept.",
        "Try again; if it happens again, load the model anew with a smaller context.",
    ),
    "engine.gpu_not_built": (
        "The engine was built without support for a GPU.",
        "All layers are calculated by the processor.",
        "Build the engine for your GPU: the README names the one variable of the set-up command.",
    ),
    "engine.gpu_not_found": (
        "The engine supports a GPU, but finds none.",
        "There is no suitable device, or its driver is missing. All layers are calculated by the processor.",
        "Install the driver of your GPU, and look into bancada doctor.",
    ),
    "engine.gpu_not_wanted": (
        "The GPU is switched off for this model.",
        "The number of layers for the GPU is set to 0, so the processor calculates all of them.",
        "Set it to automatic to use the GPU.",
    ),
    "engine.gpu_too_small": (
        "No layer of this model fits into the GPU's free memory.",
        "All layers are calculated by the processor.",
        "Close programs that use the GPU, or choose a smaller context or model.",
    ),
    "engine.gpu_partly": (
        "Only a part of the layers fits into the GPU's free memory.",
        "The others are calculated by the processor, which is slower.",
        "Choose a smaller context or a more compact model to bring all of it to the GPU.",
    ),
    "engine.gpu_layers_fixed": (
        "Only as many layers as you fixed are on the GPU.",
        "The others are calculated by the processor.",
        "Set the number of layers to automatic to use what fits.",
    ),
    "model.unsupported_architecture": (
        "This model's architecture, {architecture}, is unknown to the engine.",
        "The file may be fine, but it is of a kind that this version of llama.cpp cannot calculate.",
        "Look for the same model in a supported architecture, or update Bancada.",
    ),
    "model.load_failed": (
        "The model cannot be loaded: {detail}.",
        "The file is damaged or incomplete, or it was made by a faulty converter.",
        "Verify the model; import it again from its source if the check fails.",
    ),
    "model.no_text": (
        "This model does not write text.",
        "It is made for something else, such as embedding or recognizing.",
        "Choose a language model.",
    ),
    "model.bad_numbers": (
        "The model calculated values that are no numbers.",
        "Its weights are damaged, or the file was converted wrongly.",
        "Verify the model and import it again from its source.",
    ),
    "model.no_chat_template": (
        "This model has no chat template.",
        "It continues a text, but nothing says how a conversation is written for it.",
        "Use it for completion of a raw text, or import a version made for chat (often called Instruct).",
    ),
    "model.template_refused": (
        "The model's chat template was stopped: {reason}.",
        "A chat template is a small program inside the model's file; this one is faulty or meant to do harm.",
        "Use the model for raw completion only, or get it from another source.",
    ),
    "prompt.refused_by_template": (
        "The model's chat template does not accept this conversation: {detail}.",
        "Some models want strictly alternating turns, or know no system prompt.",
        "Remove the system prompt, or let user and assistant take turns.",
    ),
    "prompt.too_long": (
        "The prompt has {tokens} tokens, and the context holds {context}.",
        "A prompt and its answer must fit into the context together.",
        "Shorten the prompt, drop older turns, or load the model with a larger context.",
    ),
    "prompt.empty": (
        "The prompt is empty.",
        "This model has no token to begin a text with, so it needs at least one character.",
        "Write something.",
    ),
    "grammar.invalid": (
        "The grammar cannot be used: {detail}.",
        "It was tried in a process of its own, so nothing was harmed.",
        "Correct the grammar; a grammar needs a rule named root, and no rule may begin with itself.",
    ),
    "grammar.both": (
        "A grammar and a JSON schema were given together.",
        "An answer can be held to one form only.",
        "Remove one of the two.",
    ),
    "grammar.dead_end": (
        "The grammar allows no further token here.",
        "The model's vocabulary cannot write what the grammar demands at this point.",
        "Widen the grammar or the schema.",
    ),
    "schema.invalid": (
        "The JSON schema cannot be used: {detail}.",
        "An answer cannot be held to a schema that is not understood in full.",
        "Correct the schema; references must point into it (#/$defs/...).",
    ),
}
