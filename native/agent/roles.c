#include "roles.h"

#include "clock.h"
#include "descriptors.h"
#include "files.h"
#include "http.h"
#include "log.h"
#include "signals.h"
#include "supervise.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    EXIT_FAULT = 1,
    /* Of an Envoy that only carried what was asked: nothing of it needs a longer farewell. */
    INIT_GRACE_MS = 1000,
    PROXY_GRACE_MS = 10000,
    RECOVERY_MS = 1000, /* less would let an Envoy that always crashes at its start have all of a processor */
    ASK_AGAIN_MS = 10,
    ANSWER_MS = 1000,
    /* An Envoy that was just restarted listens a moment later. */
    DRAIN_LISTEN_MS = 1000,
    DRAIN_AGAIN_MS = 100,
};

static struct supervise_settings keep_running(char *const command[], int64_t grace_ms)
{
    return (struct supervise_settings){
        .command = command,
        .restart = RESTART_ALWAYS,
        .backoff_initial_ms = 1,
        .backoff_max_ms = 1000,
        .recovery_ms = RECOVERY_MS,
        .grace_ms = grace_ms,
    };
}

int roles_init(const struct exchange_settings *exchange, const struct redirect_settings *redirect,
               char *const command[])
{
    if (redirect->is_wanted && !redirect_is_safe(redirect))
        return EXIT_FAULT;
    /* A signal that comes before there is a command stays pending until the command is supervised. */
    if (!descriptors_seal() || signals_open() < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        log_errno("cannot begin");
        return EXIT_FAULT;
    }
    if (!files_have_directory(exchange->identity)) {
        log_errno("cannot make the directory of --identity");
        return EXIT_FAULT;
    }
    if (redirect->is_wanted && redirect_remove() != 0)
        return EXIT_FAULT;
    struct supervise_settings settings = keep_running(command, INIT_GRACE_MS);
    settings.companion = (struct companion){exchange_fetch_all, exchange};
    struct supervised ended = supervise(&settings);
    if (!ended.companion_is_done)
        /* We were asked to end; the command may call that a success. */
        return ended.code != 0 ? ended.code : 128 + SIGTERM;
    return redirect->is_wanted && redirect_install(redirect) != 0 ? EXIT_FAULT : 0;
}

int roles_proxy(const struct exchange_settings *exchange, char *const command[], char *const carrier[])
{
    struct exchange_settings renewing = *exchange;
    renewing.gives_up = carrier != NULL;
    struct supervise_settings usual = keep_running(command, PROXY_GRACE_MS);
    usual.companion = (struct companion){exchange_renew, &renewing};
    struct supervise_settings instead = keep_running(carrier, INIT_GRACE_MS);
    instead.companion = (struct companion){exchange_fetch_all, exchange};
    for (;;) {
        struct supervised ended = supervise(&usual);
        if (!ended.companion_is_done)
            return ended.code;
        log_line("what was fetched may have expired, and %s carries nothing: running %s until all is fetched anew",
                 *command, *carrier);
        ended = supervise(&instead);
        if (!ended.companion_is_done)
            return ended.code;
    }
}

static struct http_result ask_admin(const char *admin, const char *line, int64_t listen_ms, int64_t answer_ms,
                                    struct answer *answer)
{
    char request[256];
    int length = snprintf(request, sizeof request,
                          "%s HTTP/1.1\r\nHost: alcove\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", line);
    struct http_question question = {
        .socket = admin,
        .request = request,
        .length = (size_t)length, /* it has room: the lines are our own */
        .listen_ms = listen_ms,
        .answer_ms = answer_ms,
    };
    return http_ask(&question, answer);
}

/* Gives what is wrong, in the buffer, or null when the answer was 200. */
static const char *explain(struct http_result result, const struct answer *answer, char *reason, size_t size)
{
    if (result.kind == HTTP_ANSWERED && answer->status == 200)
        return NULL;
    if (result.kind == HTTP_ANSWERED)
        (void)snprintf(reason, size, "it answers with status %d", answer->status);
    else
        (void)snprintf(reason, size, "%s", result.reason);
    return reason;
}

int roles_await_proxy(const char *admin, int64_t seconds)
{
    static struct answer answer; /* too large for a stack */
    int64_t deadline = clock_monotonic_ms() + seconds * 1000;
    for (;;) {
        char buffer[256];
        int64_t left = deadline - clock_monotonic_ms();
        if (left < ASK_AGAIN_MS)
            left = ASK_AGAIN_MS;
        struct http_result result =
            ask_admin(admin, "GET /ready", left, left < ANSWER_MS ? left : ANSWER_MS, &answer);
        const char *reason = explain(result, &answer, buffer, sizeof buffer);
        if (reason == NULL)
            return 0;
        if (clock_monotonic_ms() + ASK_AGAIN_MS > deadline) {
            log_line("the Envoy whose admin is %s was not ready after %" PRId64 " s (%s): see the logs of its "
                     "container, and whether the control plane runs",
                     admin, seconds, reason);
            return EXIT_FAULT;
        }
        (void)poll(NULL, 0, ASK_AGAIN_MS);
    }
}

int roles_drain(const char *admin, int64_t seconds)
{
    static struct answer answer;
    static const char line[] = "POST /healthcheck/fail";
    int64_t deadline = clock_monotonic_ms() + seconds * 1000;
    char buffer[256];
    struct http_result result = ask_admin(admin, line, DRAIN_LISTEN_MS, ANSWER_MS, &answer);
    const char *reason = explain(result, &answer, buffer, sizeof buffer);
    if (reason != NULL) {
        log_line("cannot drain the Envoy whose admin is %s: %s", admin, reason);
        return EXIT_FAULT;
    }
    while (result.kind != HTTP_NOBODY_LISTENS && clock_monotonic_ms() < deadline) {
        int64_t left = deadline - clock_monotonic_ms();
        (void)poll(NULL, 0, left < DRAIN_AGAIN_MS ? (int)left : DRAIN_AGAIN_MS);
        result = ask_admin(admin, line, 0, ANSWER_MS, &answer);
    }
    return 0;
}
