/* One change of a batch, and how it is made. Calls give false with errno. */
#ifndef ALCOVE_CHANGE_H
#define ALCOVE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHANGE_STAGED_NAME = 64 };

enum change_kind { CHANGE_FILE, CHANGE_LINK, CHANGE_DIRECTORY, CHANGE_REMOVE, CHANGE_MODE };

struct change {
    enum change_kind kind;
    uint32_t mode;
    char *path;
    char *target;   /* of a link */
    size_t place;   /* of a file: how much of the path is the directory in which it is staged */
    uint32_t stage; /* the number in its name there; 0 when it is there no more */
    size_t earlier; /* of a removal of a directory: the one before it, counted from 1; 0: none */
};

/* Where the changes of a batch are made. */
struct change_place {
    int root;
    uint32_t last_stage;
    char instance[CHANGE_STAGED_NAME / 2];
};

void change_name_stage(const struct change_place *place, uint32_t stage, char name[CHANGE_STAGED_NAME]);

/* Whatever is in its way is removed. A directory that its owner may not write in stays open until it is closed. */
bool change_make(struct change_place *place, struct change *change);
bool change_close(const struct change_place *place, const struct change *change);

/* Removes what was staged for it. */
void change_unstage(const struct change_place *place, const struct change *change);

#endif
