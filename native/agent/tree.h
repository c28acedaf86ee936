/*
 * The processes below us. Every orphan among our descendants becomes our child, so "all of them are gone"
 * is "we have no child", and a child's number cannot be given to another process before we have reaped it:
 * signals here never hit a stranger.
 *
 * As PID 1 we also get the orphans of processes that were put beside us in the namespace (a probe, a
 * developer's shell); those processes themselves are not below us, and are left alone.
 */
#ifndef ALCOVE_TREE_H
#define ALCOVE_TREE_H

#include <stdbool.h>
#include <sys/types.h>

struct tree_reaped {
    bool command_ended;
    int status; /* as of wait(2); set when command_ended */
    bool companion_ended;
    int companion_status;
    bool children_left;
};

/* Makes the orphans ours, which they are anyway when we are PID 1. False, with errno, if that fails. */
bool tree_adopt_orphans(void);

/* Reaps what has ended so far, without waiting. Tells of these two, which are 0 when there is none. */
struct tree_reaped tree_reap(pid_t command, pid_t companion);

/* Reaps one that has ended: gives its process, 0 when none has, -1 when we have no child. */
pid_t tree_reap_one(int *status);

/*
 * Kills the children we have now; those they leave become ours and need another call. Without a usable
 * /proc they cannot be listed: then as PID 1 all processes there are, else the process group. One that
 * cannot be killed is not told: it is still there at the next reaping.
 */
void tree_kill(pid_t group);

/* Whether the process group has a member, be it a zombie. */
bool tree_has_group(pid_t group);

#endif
