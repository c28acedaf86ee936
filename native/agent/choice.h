/*
 * Which command a container has: what a hub asked for before what the session wants, that before what the pod
 * says, and that before the image; as Kubernetes has it for the last two.
 */
#ifndef ALCOVE_CHOICE_H
#define ALCOVE_CHOICE_H

#include "command.h"
#include "records.h"

#include <stdbool.h>
#include <stdint.h>

struct choice_settings {
    const char *directory;  /* that the containers of the pod share */
    const char *container;
    char *const *arguments; /* what the pod says; ends with a null pointer */
    bool image_entrypoint;  /* the image's comes before these */
    bool image_cmd;         /* and then its own arguments, instead of these */
    int64_t grace_ms;       /* for the command after SIGTERM came to us */
};

/* What to start: lists end with a null pointer, and may be null for empty. */
struct choice_command {
    struct record record;  /* that the rest points into */
    char **argv;
    char **environment; /* added to ours */
    const char *workdir;
};

struct choice {
    const struct choice_settings *settings;
    struct choice_command base;     /* what the session wants, over all containers */
    struct choice_command override; /* what was asked for since */
    struct record image;                 /* what is pointed into */
    char **image_entrypoint;
    char **image_cmd;
    const char *image_workdir;
};

enum choice_found { CHOICE_ORIGINAL, CHOICE_OVERRIDDEN, CHOICE_HELD };

/* Reads what was left for it; what is damaged is told, and left out. */
enum choice_found choice_load(struct choice *choice);

/* Takes it over, and keeps it for the container's next lives; an empty one is the original. */
void choice_override(struct choice *choice, struct choice_command command);

/* Starts what is chosen. */
struct command choice_start(const struct choice *choice, bool has_terminal);

void choice_free(struct choice *choice);

#endif
