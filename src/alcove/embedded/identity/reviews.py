"""Answers the reviews: requests that store nothing and only ask who somebody is and what they may.

``kubectl auth can-i``, ``can-i --list``, ``whoami`` and ``create token`` ask these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alcove.embedded import faults
from alcove.embedded.faults import ApiError, Cause
from alcove.embedded.identity.rbac import RbacAuthorizer
from alcove.embedded.identity.rules import Rule
from alcove.embedded.objects import Object
from alcove.embedded.ports import Attributes, Authenticator, TokenIssuer, UserInfo

SHORTEST_TOKEN = 600
"""Seconds; what Kubernetes allows at least."""
LONGEST_TOKEN = 2**32


def token_review(authenticator: Authenticator, body: Object) -> Object:
    """Tell whose token it is (``authentication.k8s.io`` TokenReview)."""
    spec = body.get("spec") or {}
    try:
        user, audiences = authenticator.authenticate_token(
            spec.get("token") or "", tuple(spec.get("audiences") or ())
        )
    except ApiError:
        return body | {"status": {"user": {}, "error": "invalid bearer token"}}
    status: Object = {"authenticated": True, "user": user_fields(user), "audiences": list(audiences)}
    return body | {"status": status}


def self_subject_review(body: Object, user: UserInfo) -> Object:
    """Tell callers who they are."""
    return body | {"status": {"userInfo": user_fields(user)}}


def subject_access_review(authorizer: RbacAuthorizer, body: Object, *, namespace: str = "") -> Object:
    """Tell whether somebody may; ``namespace`` is that of a LocalSubjectAccessReview's path.

    Raises:
        ApiError: 422 when the question is not complete.
    """
    spec = body.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        raise _incomplete(body, "spec.user", "at least one of user or group must be specified")
    asked_namespace = (spec.get("resourceAttributes") or {}).get("namespace")
    if namespace and asked_namespace != namespace:
        raise _incomplete(body, "spec.resourceAttributes.namespace", "must match metadata.namespace")
    user = UserInfo(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "")
    return _answer(authorizer, body, user)


def self_subject_access_review(authorizer: RbacAuthorizer, body: Object, user: UserInfo) -> Object:
    """Tell callers whether they may.

    Raises:
        ApiError: 422 when the question is not complete.
    """
    return _answer(authorizer, body, user)


def self_subject_rules_review(authorizer: RbacAuthorizer, body: Object, user: UserInfo) -> Object:
    """Tell callers all that they may in a namespace.

    Raises:
        ApiError: 400 when no namespace is named.
    """
    namespace = (body.get("spec") or {}).get("namespace")
    if not namespace:
        raise faults.bad_request("no namespace on request")
    held = authorizer.rules_for(user, namespace)
    status = {
        "resourceRules": [_resource_rule(rule) for rule in held if rule.resources],
        "nonResourceRules": [
            {"verbs": sorted(rule.verbs), "nonResourceURLs": sorted(rule.urls)} for rule in held if rule.urls
        ],
        "incomplete": False,
    }
    return body | {"status": status}


def token_request(issuer: TokenIssuer, namespace: str, account: str, body: Object) -> Object:
    """Issue a token (``serviceaccounts/token``).

    Raises:
        ApiError: 422 for a duration that is not allowed; else as ``TokenIssuer.issue``.
    """
    named: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    body = named | body
    spec = dict(body.get("spec") or {})
    seconds = 3600 if spec.get("expirationSeconds") is None else spec["expirationSeconds"]
    if seconds < SHORTEST_TOKEN:
        raise _incomplete(
            body, "spec.expirationSeconds", "may not specify a duration less than 10 minutes", seconds
        )
    if seconds > LONGEST_TOKEN:
        raise _incomplete(
            body, "spec.expirationSeconds", "may not specify a duration larger than 2^32 seconds", seconds
        )
    audiences = tuple(spec.get("audiences") or ())
    token, expiry = issuer.issue(
        namespace, account, audiences=audiences, seconds=seconds, bound=spec.get("boundObjectRef")
    )
    spec["expirationSeconds"] = seconds
    named = {**(body.get("metadata") or {}), "name": account, "namespace": namespace}
    return body | {
        "metadata": named,
        "spec": spec,
        "status": {"token": token, "expirationTimestamp": expiry},
    }


def user_fields(user: UserInfo) -> Object:
    """Give a user as the reviews' ``user`` field shows it."""
    told: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        told["uid"] = user.uid
    if user.extra:
        told["extra"] = {key: list(values) for key, values in user.extra.items()}
    return told


class Reviews:
    """Answers every kind of review by the name of its resource."""

    def __init__(self, authenticator: Authenticator, authorizer: RbacAuthorizer) -> None:
        """Ask ``authenticator`` about tokens and ``authorizer`` about rights."""
        self._authorizer = authorizer
        self._answers: Mapping[str, Callable[[Object, UserInfo, str], Object]] = {
            "tokenreviews": lambda body, _user, _namespace: token_review(authenticator, body),
            "selfsubjectreviews": lambda body, user, _namespace: self_subject_review(body, user),
            "subjectaccessreviews": lambda body, _user, _namespace: subject_access_review(authorizer, body),
            "localsubjectaccessreviews": lambda body, _user, namespace: subject_access_review(
                authorizer, body, namespace=namespace
            ),
            "selfsubjectaccessreviews": lambda body, user, _namespace: self_subject_access_review(
                authorizer, body, user
            ),
            "selfsubjectrulesreviews": lambda body, user, _namespace: self_subject_rules_review(
                authorizer, body, user
            ),
        }

    def __contains__(self, plural: str) -> bool:
        return plural in self._answers

    def answer(self, plural: str, body: Object, *, user: UserInfo, namespace: str = "") -> Object:
        """Give the review ``body`` with its ``status``.

        Raises:
            ApiError: 422 or 400 when the question is not complete.
        """
        return self._answers[plural](body, user, namespace)


def _answer(authorizer: RbacAuthorizer, body: Object, user: UserInfo) -> Object:
    spec = body.get("spec") or {}
    on_resource, on_path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if bool(on_resource) == bool(on_path):
        raise _incomplete(
            body,
            "spec.resourceAttributes",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )
    verdict = authorizer.authorize(_attributes(user, on_resource or {}, on_path or {}))
    status: Object = {"allowed": verdict.allowed}
    if verdict.reason:
        status["reason"] = verdict.reason
    return body | {"status": status}


def _attributes(user: UserInfo, resource: Mapping[str, Any], path: Mapping[str, Any]) -> Attributes:
    return Attributes(
        user=user,
        verb=(resource or path).get("verb") or "",
        path=path.get("path") or "",
        **{
            name: resource.get(name) or ""
            for name in ("group", "version", "resource", "subresource", "namespace", "name")
        },
    )


def _resource_rule(rule: Rule) -> Object:
    told: Object = {
        "verbs": sorted(rule.verbs),
        "apiGroups": sorted(rule.groups),
        "resources": sorted(rule.resources),
    }
    if rule.names:
        told["resourceNames"] = sorted(rule.names)
    return told


def _incomplete(body: Object, field: str, why: str, value: object = "") -> ApiError:
    group, _, _ = (body.get("apiVersion") or "").rpartition("/")
    shown = value if isinstance(value, int) else f'"{value}"'
    cause = Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)
    return faults.invalid(body.get("kind") or "", group, "", [cause])
