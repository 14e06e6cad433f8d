"""What a worker can be asked to do: kind of job or session -> "module:attribute"."""

from __future__ import annotations

from typing import Final

#: job kind -> a function ``run(context, params)``
HANDLERS: Final[dict[str, str]] = {
    "model.import": "bancada.worker.handlers.library:run_import",
    "model.verify": "bancada.worker.handlers.library:run_verify",
    "model.export": "bancada.worker.handlers.library:run_export",
    "model.download": "bancada.worker.handlers.download:run",
    "bundle.create": "bancada.worker.handlers.bundles:run_create",
    "bundle.import": "bancada.worker.handlers.bundles:run_import",
    "model.certify": "bancada.worker.handlers.certify:run",
    "model.convert": "bancada.worker.handlers.convert:run",
    "model.imatrix": "bancada.worker.handlers.imatrix:run",
    "model.quantize": "bancada.worker.handlers.quantize:run",
    "model.sweep": "bancada.worker.handlers.sweep:run",
    "bench.run": "bancada.worker.handlers.bench:run",
    "trial": "bancada.worker.handlers.trial:run",
}
#: session kind -> a class that is a ``SessionHandler``
SESSIONS: Final[dict[str, str]] = {
    "engine.probe": "bancada.worker.handlers.engine_probe:EngineProbe",
    "hub": "bancada.worker.handlers.hub:HubHandler",
    "mirror": "bancada.worker.handlers.mirror:MirrorHandler",
    "model": "bancada.worker.handlers.model_session:ModelSessionHandler",
    "quantize.plan": "bancada.worker.handlers.quantize:PlanSession",
    "template": "bancada.worker.handlers.template:TemplatePreview",
    "trial": "bancada.worker.handlers.trial:TrialSession",
}
#: the only kinds whose workers may reach other machines, and they only while the network is not sealed
NETWORKED: Final = frozenset({"model.download", "hub"})
#: those that connect or listen, if only on this machine: the kernel lets no other have such sockets
WITH_SOCKETS: Final = NETWORKED | {"mirror"}
