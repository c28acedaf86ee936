"""What reaches a pod of a session while its application restarts: it waits, and then is told why.

A connection that the application refuses is tried again until it is accepted, every 25 to 100 ms, up to a
minute; its request waits as long, with a body of up to a mebibyte. What has reached the application is never
sent again: an attempt is repeated only if it found nobody listening. Kubelets get their answer at once: to a
probe, refused means not ready.

A minute is a number of attempts: nothing in Envoy bounds the time until a connection is there without also
bounding that of the answer. The pauses are random and known in the mean, so that a thousand of them are a
minute to within some seconds.
"""

from __future__ import annotations

from alcove.routing.envoy.names import Body, ProxySettings

_PAUSES: Body = {"base_interval": "0.025s", "max_interval": "0.1s"}
_MEAN_SECONDS = 0.05
LONGEST_BODY = 1 << 20
"""Bytes of a request that can wait."""
_PROBE: Body = {"name": "user-agent", "string_match": {"prefix": "kube-probe/"}}
_ASK = "alcove list-up, alcove logs"


def attempts(settings: ProxySettings) -> int:
    """Give how often a connection is tried again."""
    return max(1, round(settings.wait_seconds / _MEAN_SECONDS))


def patiently(route: Body, settings: ProxySettings) -> list[Body]:
    """Give a route to the pod's own application as two, without types: a probe takes the first."""
    probed = {**route["match"], "headers": [*route["match"].get("headers", ()), _PROBE]}
    again = {
        "retry_on": "connect-failure",
        "num_retries": attempts(settings),
        "retry_back_off": _PAUSES,
    }
    held = {**route["route"], "retry_policy": again}
    return [
        {**route, "match": probed},
        {**route, "route": held, "request_body_buffer_limit": LONGEST_BODY},
    ]


def with_patience(listener: Body, settings: ProxySettings) -> Body:
    """Give a pod's inbound listener (made for one that does not wait) for one that does."""
    chains = [_patient_chain(each, settings) for each in listener["filter_chains"]]
    return {**listener, "filter_chains": chains}


def _patient_chain(chain: Body, settings: ProxySettings) -> Body:
    (network,) = chain["filters"]
    return {**chain, "filters": [{**network, "typed_config": _patient(network["typed_config"], settings)}]}


def _patient(config: Body, settings: ProxySettings) -> Body:
    if config["@type"].endswith("TcpProxy"):
        return {**config, "max_connect_attempts": attempts(settings), "backoff_options": _PAUSES}
    return {**config, "local_reply_config": {"mappers": [_exhausted(settings), _too_long()]}}


def _exhausted(settings: ProxySettings) -> Body:
    return _reply(
        {"response_flag_filter": {"flags": ["UF"]}},
        "the application of this pod accepts no connection at port %DOWNSTREAM_LOCAL_PORT%, and has not for "
        f"up to {settings.wait_seconds:g} s. Its session builds it or restarts it, its command ended or is "
        f"held (--await-exec), or it listens at another port, or at 127.0.0.1 alone: see {_ASK}\n",
    )


def _too_long() -> Body:
    status = {"op": "EQ", "value": {"default_value": 507, "runtime_key": "alcove.too_long"}}
    return _reply(
        {"status_code_filter": {"comparison": status}},
        "the application of this pod restarts, and a request of more than 1 MiB cannot wait until it accepts "
        f"connections again: send it once more, or see {_ASK}\n",
    )


def _reply(filtered: Body, text: str) -> Body:
    form = {"text_format_source": {"inline_string": text}}
    return {"filter": filtered, "status_code": 503, "body_format_override": form}
