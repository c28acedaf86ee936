#include "terminal.h"

#include "log.h"

#include <unistd.h>

bool terminal_is_of(pid_t group)
{
    /* 0 is a group outside of our pid namespace: it cannot be told from another such. */
    return group > 0 && tcgetpgrp(STDIN_FILENO) == group;
}

void terminal_give_to(pid_t group)
{
    if (tcsetpgrp(STDIN_FILENO, group) != 0)
        log_errno("cannot give the terminal to process group %d", group);
}
