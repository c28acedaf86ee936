/* What hubs say to the agent of a session's container, and who does it. */
#ifndef ALCOVE_CONVERSATION_H
#define ALCOVE_CONVERSATION_H

#include "application.h"
#include "beside.h"
#include "server.h"

enum { CONVERSATION_INSTANCE = 17, CONVERSATION_APPLIED = 300 };

struct agent {
    struct application application;
    struct beside beside;
    struct server server;
    char instance[CONVERSATION_INSTANCE]; /* differs from every other agent's */
    char applied[CONVERSATION_APPLIED];   /* what the container's tree is; "": as the image is; "?": not known */
};

/* The role of the server; its self is the agent. */
struct server_role conversation_role(struct agent *agent);

/* Listings go on by themselves. */
void conversation_watch(struct agent *agent, struct watch *watch);
void conversation_serve(struct agent *agent);

/* Remembers what was applied, so that the container's next life knows that it has something to wait for. */
void conversation_keep_applied(const struct agent *agent);

/* Whether an earlier life of the container had changes. */
bool conversation_was_changed(const struct choice_settings *settings);

#endif
