#include "roles.h"

#include "clock.h"
#include "descriptors.h"
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
    RECOVERY_MS = 5000,
    ASK_AGAIN_MS = 10,
    READY_MS = 1000,
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

int roles_proxy(const struct exchange_settings *exchange, char *const command[])
{
    struct supervise_settings settings = keep_running(command, PROXY_GRACE_MS);
    settings.companion = (struct companion){exchange_renew, exchange};
    return supervise(&settings).code;
}

/* Gives what is wrong, in the buffer, or null when it is ready. */
static const char *ask_whether_ready(const char *admin, int64_t left_ms, char *reason, size_t size)
{
    static const char request[] = "GET /ready HTTP/1.1\r\nHost: alcove\r\nConnection: close\r\n\r\n";
    static struct answer answer; /* too large for a stack */
    struct http_question question = {
        .socket = admin,
        .request = request,
        .length = sizeof request - 1,
        .listen_ms = left_ms,
        .answer_ms = left_ms < READY_MS ? left_ms : READY_MS,
    };
    struct http_result result = http_ask(&question, &answer);
    if (result.kind == HTTP_ANSWERED && answer.status == 200)
        return NULL;
    if (result.kind == HTTP_ANSWERED)
        (void)snprintf(reason, size, "it answers with status %d", answer.status);
    else
        (void)snprintf(reason, size, "asked at %s: %s", admin, result.reason);
    return reason;
}

int roles_await_proxy(const char *admin, int64_t seconds)
{
    int64_t deadline = clock_monotonic_ms() + seconds * 1000;
    for (;;) {
        char buffer[256];
        int64_t left = deadline - clock_monotonic_ms();
        const char *reason = ask_whether_ready(admin, left > ASK_AGAIN_MS ? left : ASK_AGAIN_MS, buffer, sizeof buffer);
        if (reason == NULL)
            return 0;
        if (clock_monotonic_ms() + ASK_AGAIN_MS > deadline) {
            log_line("the proxy was not ready after %" PRId64 " s (%s): see the logs of the container alcove-proxy, "
                     "and whether the control plane runs",
                     seconds, reason);
            return EXIT_FAULT;
        }
        (void)poll(NULL, 0, ASK_AGAIN_MS);
    }
}
