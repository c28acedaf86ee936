"""The webhook's configuration, as the API server needs it."""

from __future__ import annotations

import base64

from alcove.admission.configuration import ServiceTarget, UrlTarget, render_configuration


def test_the_configuration_fails_open_and_asks_for_nothing_but_new_pods_of_spaces() -> None:
    configuration = render_configuration(ServiceTarget("azds", "alcove-webhook"), b"PEM")
    assert configuration["kind"] == "MutatingWebhookConfiguration"
    webhook, unproxied = configuration["webhooks"]
    assert webhook == {
        "name": "pods.admission.alcove.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "service": {"namespace": "azds", "name": "alcove-webhook", "port": 443, "path": "/inject"},
            "caBundle": base64.b64encode(b"PEM").decode(),
        },
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
                "scope": "Namespaced",
            }
        ],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchLabels": {"azds.io/space": "true"}},
        "objectSelector": {
            "matchExpressions": [{"key": "azds.io/no-proxy", "operator": "NotIn", "values": ["true"]}]
        },
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
        "timeoutSeconds": 2,
    }
    assert unproxied == {
        **webhook,
        "name": "sessions.admission.alcove.dev",
        "objectSelector": {
            "matchExpressions": [{"key": "azds.io/no-proxy", "operator": "In", "values": ["true"]}]
        },
    }


def test_a_webhook_on_the_host_is_reached_by_url() -> None:
    configuration = render_configuration(UrlTarget("https://10.0.0.1:9443/"), b"PEM", name="mine")
    assert configuration["metadata"]["name"] == "mine"
    assert configuration["webhooks"][0]["clientConfig"]["url"] == "https://10.0.0.1:9443/inject"


def test_a_service_is_known_by_all_its_names() -> None:
    assert ServiceTarget("azds", "alcove").names() == (
        "alcove",
        "alcove.azds",
        "alcove.azds.svc",
        "alcove.azds.svc.cluster.local",
    )
    assert ServiceTarget("azds", "alcove").names("corp.example")[-1] == "alcove.azds.svc.corp.example"
