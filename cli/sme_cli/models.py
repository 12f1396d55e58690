"""The models of the settings, as `sme model` shows and tries them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sme_cli import session

if TYPE_CHECKING:
    from sme_agent.llm.model import Model
    from sme_agent.llm.overview import Entry
    from sme_agent.llm.trial import Trial

TRIALS = "model-test"
"""What trials are booked under, apart from all incidents."""


def config_file() -> Path:
    """Where models are configured."""
    from sme_tools.settings import FILE_NAME

    return session.settings().config_dir / FILE_NAME


def overview() -> list[Entry]:
    """The chain as it stands; nobody is asked, and nothing is written."""
    from sme_agent.llm.overview import overview

    return overview(session.settings(), session.model_ledger())


def chosen(names: Sequence[str]) -> list[Model]:
    """The models of these names, or all that are configured.

    Raises:
        UsageError: a name that is neither configured nor of the form PROVIDER/MODEL; or none is
            given, and none configured.
    """
    from sme_agent.llm.chain import chain, named
    from sme_tools.errors import UsageError

    settings = session.settings()
    if not names:
        both = [*chain(settings), *chain(settings, "summaries")]
        if not both:
            raise UsageError("no model is configured", remedy="See how: sme model list")
        return list({model.name: model for model in both}.values())
    known = {*settings.models, *settings.summary_models, *settings.model} - {"rules"}
    for name in names:
        if name not in known and "/" not in name:
            raise UsageError(
                f"there is no model {name!r}",
                remedy="See those that are configured: sme model list. Any other is named as "
                "litellm does: PROVIDER/MODEL",
            )
    return [named(settings, name) for name in dict.fromkeys(names)]


def try_out(models: Iterable[Model], tell: Callable[[Trial], None] | None) -> list[Trial]:
    """Try the models out, one after the other; `tell` hears of each as soon as it is over.

    What a model had failed with before is forgotten where it works.

    Raises:
        StateError: our own folder can't be written to.
    """
    import threading

    from sme_agent.llm.account import Account
    from sme_agent.llm.chain import seen_by_its_server
    from sme_agent.llm.health import Health
    from sme_agent.llm.requests import Requests
    from sme_agent.llm.trial import try_out
    from sme_cli.recording import recorder
    from sme_cli.render.models import asking
    from sme_memory.model_ledger import FILE_NAME, ModelLedger
    from sme_tools.model_settings import Budget
    from sme_tools.settings import state_folder

    settings = session.settings()
    ledger = ModelLedger(state_folder(settings) / FILE_NAME)
    budget = Budget(day=settings.budget.day)
    account = Account(ledger, budget, session=TRIALS, role="test")
    prompts = session.prompts()
    requests = Requests(account, prompts, recorder(TRIALS))
    trials = []
    for model in models:
        with asking(model.name):
            trial = try_out(
                seen_by_its_server(model), requests.ask, prompts, cancelled=threading.Event()
            )
        if trial.works:
            Health(ledger).forget(model.name)
        trials.append(trial)
        if tell is not None:
            tell(trial)
    return trials
