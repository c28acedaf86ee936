"""The order in which a write is changed and checked (``ports.Admission``)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from alcove.embedded import faults
from alcove.embedded.admission import exchange, plugins, pod_security
from alcove.embedded.admission.exchange import Answer, AnswerError
from alcove.embedded.admission.matching import MUTATING, VALIDATING, Webhook, matching_webhooks
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.ports import AdmissionRequest, ClusterReader

_log = logging.getLogger(__name__)


class WebhookCallError(Exception):
    """A webhook could not be asked; the message says why."""


class WebhookClient(Protocol):
    """Asks webhooks over HTTP."""

    async def call(self, client_config: Mapping[str, Any], review: Object, *, seconds: float) -> object:
        """Post ``review`` to the webhook that a ``clientConfig`` names; give the JSON it answers.

        Raises:
            WebhookCallError: there was no such answer within ``seconds``.
        """


class AdmissionChain:
    """Plugins of our own, then webhooks of others."""

    def __init__(
        self,
        reader: ClusterReader,
        webhooks: WebhookClient,
        *,
        check_escalation: Callable[[AdmissionRequest], None],
    ) -> None:
        """Read what plugins and selectors need from ``reader``; ``check_escalation`` refuses RBAC writes."""
        self._reader = reader
        self._webhooks = webhooks
        self._check_escalation = check_escalation

    async def mutate(self, request: AdmissionRequest) -> Object | None:
        """Give the object as plugins and mutating webhooks leave it; that of the request is not changed.

        Raises:
            ApiError: what a plugin or webhook refused, or a webhook that failed with ``failurePolicy: Fail``.
        """
        request = plugins.applied(request, self._reader)
        hooks = list(matching_webhooks(MUTATING, request, self._reader))
        if not hooks:
            return request.object
        request, again = await self._mutate_once(request, hooks)
        if again is None:
            return request.object
        settled = plugins.applied(request, self._reader)
        if settled.object is not request.object:
            again = {hook.id for hook in hooks if hook.reinvocable}
        request, _ = await self._mutate_once(settled, [hook for hook in hooks if hook.id in again])
        return request.object

    async def validate(self, request: AdmissionRequest) -> None:
        """Ask the validating plugins and webhooks, these all at once.

        Raises:
            ApiError: as for ``mutate``.
        """
        plugins.check(request, self._reader)
        pod_security.check(request, self._reader)
        self._check_escalation(request)
        hooks = list(matching_webhooks(VALIDATING, request, self._reader))
        if not hooks:
            return
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(hook, request, mutating=False)) for hook in hooks]
        answers = [task.result() for task in asked]
        for answer in answers:
            request.warnings.extend(answer.warnings)
        for answer in answers:
            if answer.refusal:
                raise answer.refusal

    async def _mutate_once(
        self, request: AdmissionRequest, hooks: list[Webhook]
    ) -> tuple[AdmissionRequest, set[tuple[str, int]] | None]:
        """Go through the webhooks; give also which to ask again, None when nothing was changed."""
        again: set[tuple[str, int]] | None = None
        asked: set[tuple[str, int]] = set()
        for hook in hooks:
            answer = await self._ask(hook, request, mutating=True)
            request.warnings.extend(answer.warnings)
            if answer.refusal:
                raise answer.refusal
            if answer.patch:
                changed = self._patched(hook, request, answer)
                if changed != request.object:
                    request = dataclasses.replace(request, object=changed)
                    again = (again or set()) | asked
            if hook.reinvocable:
                asked.add(hook.id)
        return request, again

    def _patched(self, hook: Webhook, request: AdmissionRequest, answer: Answer) -> Object:
        if request.object is None:
            raise faults.internal(
                f'admission webhook "{hook.name}" attempted to modify the object, '
                "which is not supported for this operation"
            )
        return exchange.patched(hook, request, request.object, answer.patch)

    async def _ask(self, hook: Webhook, request: AdmissionRequest, *, mutating: bool) -> Answer:
        """Give the webhook's answer; a failure is a refusal, or nothing when its failures are ignored."""
        if request.dry_run and not hook.dry_run_safe:
            refusal = faults.bad_request(f'admission webhook "{hook.name}" does not support dry run')
            return Answer(refusal, [], ())
        try:
            review = exchange.review(hook, request, str(uuid.uuid4()))
            said = await self._webhooks.call(hook.client_config, review, seconds=hook.seconds)
            return exchange.parse_answer(hook, review, said, mutating=mutating)
        except WebhookCallError as error:
            return _failed(hook, f"failed to call webhook: {error}", error)
        except AnswerError as error:
            return _failed(hook, f"received invalid webhook response: {error}", error)


def _failed(hook: Webhook, why: str, error: Exception) -> Answer:
    refusal: ApiError = exchange.failure(hook, why)
    if hook.ignores_failure:
        _log.warning("%s (ignored by its failurePolicy)", refusal.message)
        return Answer(None, [], ())
    refusal.__cause__ = error
    return Answer(refusal, [], ())
