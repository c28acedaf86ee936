/*
 * Trading the pod's token for files that prove who the pod is, and for those that prove who others are.
 *
 * What is asked for, and what the answers mean, is decided elsewhere: here a body that came with 200 becomes a
 * file, and its age is kept beside it (".FILE.age"), so that who comes later knows when it is due.
 */
#ifndef ALCOVE_EXCHANGE_H
#define ALCOVE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    EXCHANGE_FETCHES = 8,
    EXCHANGE_PATH_BYTES = 512, /* of a URL */
    EXCHANGE_FILE_BYTES = 64,
};

struct exchange_fetch {
    const char *path; /* of the URL; not ended */
    int path_length;
    const char *file;
};

struct exchange_settings {
    const char *token;    /* the file it is in, read anew each time: it is replaced */
    const char *identity; /* the directory of the files */
    const char *socket;   /* where an Envoy listens that carries it to the control plane */
    struct exchange_fetch fetches[EXCHANGE_FETCHES];
    size_t count;
    bool gives_up; /* see exchange_renew */
};

/*
 * Both take struct exchange_settings, to be companions of supervise.h. A failure is told once, until its
 * reason changes.
 */

/* Fetches each, whatever is there, however long it takes; then returns 0. */
int exchange_fetch_all(const void *settings);

/*
 * Fetches each when it is due, and never returns but for a fault; if it gives up, it returns 0 when one is stale
 * and nobody listens that would carry what is asked.
 */
int exchange_renew(const void *settings);

#endif
