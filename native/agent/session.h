/*
 * What the agent is in the containers of a session: beside the command that a developer works on, and before it,
 * waiting for the image. Each gives an exit code.
 */
#ifndef ALCOVE_SESSION_H
#define ALCOVE_SESSION_H

#include "application.h"

#include <stdint.h>

struct session_settings {
    uint16_t port;       /* of the pod's loopback, where hubs are listened to */
    const char *session; /* of these hubs */
    struct choice_settings application; /* of session_run; its directory is session_await_build's too */
};

/* Ends when it is asked to, as the command did. */
int session_run(const struct session_settings *settings);

/* Ends when a hub has said that the image is there, and has left in the directory what others need then. */
int session_await_build(const struct session_settings *settings, const char *program);

#endif
