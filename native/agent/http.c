#include "http.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 10 };

static struct http_result failed(const char *reason)
{
    return (struct http_result){HTTP_FAILED, reason};
}

/* Gives the descriptor, or -1 and errno. */
static int try_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) > HTTP_SOCKET_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        (void)close(connection); /* nothing was written to it */
        errno = error;
        return -1;
    }
    return connection;
}

/* Whether it listens soon, perhaps: its socket is not there, is a dead one's, or has no place for us. */
static bool is_worth_waiting_for(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == EAGAIN;
}

static int connect_until(const char *path, int64_t deadline)
{
    for (;;) {
        int connection = try_connect(path);
        if (connection >= 0 || !is_worth_waiting_for(errno) || clock_monotonic_ms() >= deadline)
            return connection;
        (void)poll(NULL, 0, LOOK_AGAIN_MS); /* cut short by a signal, it looks again the sooner */
    }
}

/* False when the deadline came first. */
static bool await(int connection, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return false;
        struct pollfd source = {.fd = connection, .events = events};
        int ready = poll(&source, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true; /* what is wrong, the next call tells */
    }
}

/* False when it was not sent whole: there may be an answer nevertheless. */
static bool send_request(int connection, const struct http_question *question, int64_t deadline)
{
    size_t sent = 0;
    while (sent < question->length) {
        ssize_t length =
            send(connection, question->request + sent, question->length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (length >= 0)
            sent += (size_t)length;
        else if (errno != EINTR && (errno != EAGAIN || !await(connection, POLLOUT, deadline)))
            return false;
    }
    return true;
}

static struct http_result receive(int connection, struct answer *answer, int64_t deadline)
{
    char bytes[4096];
    while (!answer_is_over(answer)) {
        ssize_t length = recv(connection, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length > 0)
            answer_take(answer, bytes, (size_t)length);
        else if (length == 0)
            answer_close(answer);
        else if (errno == EAGAIN && !await(connection, POLLIN, deadline))
            return failed("no whole answer in time");
        else if (errno != EAGAIN && errno != EINTR)
            return failed(strerror(errno));
    }
    return answer->state == ANSWER_DONE ? (struct http_result){HTTP_ANSWERED, NULL} : failed(answer->fault);
}

struct http_result http_ask(const struct http_question *question, struct answer *answer)
{
    answer_begin(answer);
    int connection = connect_until(question->socket, clock_monotonic_ms() + question->listen_ms);
    if (connection < 0)
        return (struct http_result){is_worth_waiting_for(errno) ? HTTP_NOBODY_LISTENS : HTTP_FAILED, strerror(errno)};
    int64_t deadline = clock_monotonic_ms() + question->answer_ms;
    bool sent = send_request(connection, question, deadline);
    int error = errno;
    struct http_result result = receive(connection, answer, deadline);
    if (!sent && result.kind != HTTP_ANSWERED)
        result = failed(strerror(error));
    (void)close(connection); /* all that it was for has come */
    return result;
}
