/* One question over HTTP/1.1 to whoever listens at a Unix socket: in our pods an Envoy. */
#ifndef ALCOVE_HTTP_H
#define ALCOVE_HTTP_H

#include "answer.h"

#include <stdint.h>

/* The longest path that the kernel takes for a socket. */
enum { HTTP_SOCKET_BYTES = 107 };

struct http_question {
    const char *socket;
    const char *request; /* as it goes over the wire */
    size_t length;
    int64_t listen_ms; /* how long to wait until something listens */
    int64_t answer_ms; /* how long to wait for the answer then */
};

enum http_fault_kind { HTTP_ANSWERED, HTTP_NOBODY_LISTENS, HTTP_FAILED };

struct http_result {
    enum http_fault_kind kind;
    const char *reason; /* unless it was answered; valid until the next error of the C library */
};

/* Asks once. What came is in the answer, whole when the result is HTTP_ANSWERED. SIGPIPE cannot happen. */
struct http_result http_ask(const struct http_question *question, struct answer *answer);

#endif
