"""Errors of conversions, quantizations and certificates."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    # -- certificates
    "certificate.not_found": (
        "There is no certificate {certificate}.",
        "It may have gone with its model, or the id is not complete.",
        "List the certificates and choose one of them.",
    ),
    "certificate.malformed": (
        "The certificate cannot be read: {detail}.",
        "It was made by another version of the program, or it is damaged.",
        "Make a new one by comparing the model with its source again.",
    ),
    "certificate.same_file": (
        "{name} and {source} are the same file.",
        "Compared with itself, every file is without a fault: the certificate would say nothing.",
        "Name the model that it was made from.",
    ),
    "certificate.text_unreadable": (
        "The text {path} cannot be used: {detail}.",
        "A certificate is measured on a plain text in UTF-8.",
        "Choose a text file of some pages, or leave it to the text that comes with the program.",
    ),
    "certificate.text_short": (
        "The text is too short: it has {have} tokens, and {need} are needed.",
        "A comparison over fewer would be chance.",
        "Choose a longer text, or a smaller context.",
    ),
    "certificate.context_refused": (
        "A context of {context} tokens cannot be measured.",
        "It must be an even number from {low} to {high}, and no longer than what the models were made for.",
        "Choose another context; 512 is what others use as well.",
    ),
    # -- conversion
    "file.unwritable": (
        "The file {path} cannot be written: {detail}.",
        "Nothing was written.",
        "Choose another place.",
    ),
    "quantize.type_unknown": (
        "There is no quantization type {type}.",
        "The engine knows: {known}.",
        "Choose one of them; bancada quantize MODEL --dry-run shows what each would give.",
    ),
    "quantize.size_invalid": (
        "{size} is no size.",
        "A size is a number with a unit, such as 600MB, 1.5 GiB or 98000000. Nothing was made.",
        "Give a size like that.",
    ),
    "quantize.bits_invalid": (
        "{bits} bits per weight cannot be reached.",
        "Types take between half a bit and 32 bits for each weight. Nothing was made.",
        "Give a number such as 4.5.",
    ),
    "quantize.nothing_fits": (
        "No type is small enough for {target}.",
        "The smallest file of this model would have {least} ({type}).",
        "Allow a larger file, use an importance matrix for the smallest types, or take a smaller model.",
    ),
    "quantize.override_invalid": (
        "The override {override} cannot be used: {detail}.",
        "An override is a pattern over names of tensors, = and a type, such as ffn_down=Q8_0.",
        "Correct the override; bancada models show lists what the model consists of.",
    ),
    "quantize.not_gguf": (
        "{name} cannot be quantized: its format is {format}.",
        "Quantization starts from GGUF files.",
        "Convert it first, with bancada convert MODEL --to gguf.",
    ),
    "quantize.already_quantized": (
        "The source is quantized already ({type}).",
        "Its losses would stay, and new ones would come on top. Nothing was made.",
        "Take the original in 16 bits, or say that you want it all the same (--allow-requantize).",
    ),
    "quantize.matrix_needed": (
        "This type needs an importance matrix ({detail}).",
        "Without one the result would be garbage, so the engine refuses. Nothing was made.",
        "Compute one with bancada imatrix MODEL, or choose a type of three bits or more.",
    ),
    "quantize.matrix_of_another": (
        "The importance matrix does not belong to this model: {detail}.",
        "It fits only models of the same architecture and shape. Nothing was made.",
        "Compute one for this model with bancada imatrix MODEL.",
    ),
    "quantize.goal_unknown": (
        "There is no goal {goal}.",
        "A sweep recommends for one of: {known}.",
        "Choose one of them.",
    ),
    "quantize.failed": (
        "The model could not be quantized: {detail}.",
        "The engine refused it. Nothing was kept.",
        "Verify the source; another type may work.",
    ),
    "imatrix.not_found": (
        "There is no importance matrix {matrix}.",
        "Matrices are named when they are computed.",
        "List them with bancada matrices list.",
    ),
    "imatrix.invalid": (
        "The importance matrix cannot be used: {detail}.",
        "It is damaged, or no importance matrix. Nothing was made with it.",
        "Compute it again with bancada imatrix MODEL.",
    ),
    "imatrix.text_short": (
        "The text is too short: it has {have} tokens, and one chunk takes {need}.",
        "A matrix of so little would mislead. Nothing was made.",
        "Give a longer text, or a smaller --context.",
    ),
    "imatrix.context_invalid": (
        "A chunk cannot have {context} tokens.",
        "For this model it is between {least} and {most}.",
        "Choose a length between them.",
    ),
    "imatrix.not_finite": (
        "The model computes what is no number at {tensor}.",
        "It is damaged, or was made wrongly. No matrix was made.",
        "Verify the model, or take it from its source again.",
    ),
    "imatrix.nothing_seen": (
        "The engine showed no activations of this model.",
        "Its architecture works in a way that no importance matrix can be made of. Nothing was made.",
        "Quantize it without one.",
    ),
    "engine.layout_unknown": (
        "The engine's structures are not those of the pinned version ({what}).",
        "Reading them would give wrong numbers, so nothing was read.",
        "Install the version of the engine that belongs to this program.",
    ),
    "convert.not_installed": (
        "What conversion needs is not installed: {missing}.",
        "Conversion uses torch and its kind, which the base program does without.",
        "Install it with: make setup-convert.",
    ),
    "convert.tool_damaged": (
        "The converter's file {path} is not what the set-up installed.",
        "It was changed or removed since. It was not run.",
        "Set up again: remove its folder, then make setup-convert.",
    ),
    "convert.target_unknown": (
        "There is no conversion to {target}.",
        "Known are: {known}.",
        "Choose one of these.",
    ),
    "convert.type_unknown": (
        "{target} cannot be made with the type {type}.",
        "Possible types are: {known}.",
        "Choose one of these. Smaller GGUF types are made by quantizing a GGUF file.",
    ),
    "convert.same_format": (
        "{name} is in Hugging Face's layout already.",
        "There is nothing to convert.",
        "Choose gguf or onnx as the target.",
    ),
    "convert.source_unsupported": (
        "{name} cannot be converted: its format is {format}.",
        "Conversions start from GGUF files and from folders in Hugging Face's layout (safetensors).",
        "Convert the model that it was made from.",
    ),
    "convert.source_quantized": (
        "{name} is quantized already, by {method}.",
        "The builder of onnxruntime-genai would need the exact weights.",
        "Convert the model that it was made from.",
    ),
    "convert.architecture_unsupported": (
        "The architecture {architecture} is not supported by {tool}.",
        "Supported are: {known}. Nothing was made.",
        "Choose another target, or a model of another architecture.",
    ),
    "convert.tensor_unknown": (
        "The tensor {tensor} has no place in the architecture {architecture}.",
        "The weights are not those of the architecture that the model names. Nothing was made.",
        "Check that all files are of the same model.",
    ),
    "convert.rope_unknown": (
        "The model stretches its positions in a way that cannot be written down: {kind}.",
        "Hugging Face's configuration has no words for it. Nothing was made.",
        "Convert from the model's original files.",
    ),
    "convert.tokenizer_missing": (
        "The model has no tokenizer that {tool} can use.",
        "Without tokenizer.json, tokenizer.model or vocab.json with merges.txt no text can be read.",
        "Put the tokenizer's files beside the weights, then try again.",
    ),
    "convert.tokenizer_unsupported": (
        "The model's tokenizer is not known: {kind}.",
        "The other format has no rule that splits text in the same way. Nothing was made.",
        "Choose another target, or another model.",
    ),
    "convert.tokenizer_differs": (
        "The new tokenizer is not the model's own: it differs at '{text}' ({ours} instead of {engine}).",
        "A model that reads other tokens than it was trained with answers badly. Nothing was kept.",
        "Report this with the model's name; convert from its original files meanwhile.",
    ),
    "convert.remote_code": (
        "The model asks for program code of its own ({files}).",
        "Such code could do anything on this machine, so it is never run. Nothing was made.",
        "If its architecture is a usual one, convert it without that code: --ignore-code.",
    ),
    "convert.bad_numbers": (
        "The tensor {tensor} holds numbers that are none (NaN or infinite).",
        "The source is damaged or was badly made. Nothing was kept.",
        "Verify the source, or get it again.",
    ),
    "convert.overflow": (
        "The tensor {tensor} has values that 16-bit floats of the type F16 cannot hold.",
        "They would become infinite. Nothing was kept.",
        "Choose the type bf16 or f32.",
    ),
    "convert.no_answer": (
        "The new model does not answer: {count} tokens came.",
        "It was made, tried and thrown away.",
        "Choose another type, or report this with the model's name.",
    ),
    "convert.out_of_memory": (
        "The memory did not suffice for {tool}.",
        "It holds a large part of the weights in memory. Nothing was kept.",
        "Close other programs, or convert a smaller model.",
    ),
    "convert.tool_failed": (
        "{tool} failed: {detail}.",
        "Its own words are in the job's log. Nothing was kept.",
        "Check that all files are of the same model; else report this with the log.",
    ),
    "convert.tool_crashed": (
        "{tool} ended without an answer ({cause}).",
        "It crashed in native code, or the system ended it for lack of memory. Nothing was kept.",
        "See the job's log; close other programs and try again.",
    ),
}
