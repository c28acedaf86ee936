#include "environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t length_of(char *const *list)
{
    size_t length = 0;
    while (list[length] != NULL)
        length++;
    return length;
}

static bool is_in(char *const *list, const char *assignment)
{
    size_t name = strcspn(assignment, "=");
    for (; *list != NULL; list++)
        if (strncmp(*list, assignment, name) == 0 && (*list)[name] == '=')
            return true;
    return false;
}

char **environment_with(char *const *added, const char *last)
{
    static char *nothing[] = {NULL};
    char **ours = environ != NULL ? environ : nothing;
    if (added == NULL)
        return NULL;
    char **environment = calloc(length_of(ours) + length_of(added) + 2, sizeof *environment);
    size_t count = 0;
    if (environment == NULL)
        return NULL;
    for (char **at = ours; *at != NULL; at++)
        if (!is_in(added, *at))
            environment[count++] = *at;
    for (char *const *at = added; *at != NULL; at++)
        if (!is_in(at + 1, *at))
            environment[count++] = *at;
    if (last != NULL)
        environment[count++] = (char *)(size_t)last;
    return environment;
}
