/*
 * What the agent is in our own containers. Each gives an exit code.
 *
 *   init         fetches what proves the pod's identity, then redirects the pod's TCP, then ends
 *   proxy        keeps an Envoy running, and what proves the pod's identity fresh
 *   await-proxy  ends when that Envoy is ready, so that nobody's container starts before
 *   drain        has that Envoy send its callers elsewhere, before its application or itself ends
 */
#ifndef ALCOVE_ROLES_H
#define ALCOVE_ROLES_H

#include "exchange.h"
#include "redirect.h"

#include <stdint.h>

/* The command is an Envoy that carries what is asked; it is ended when all has been fetched. */
int roles_init(const struct exchange_settings *exchange, const struct redirect_settings *redirect,
               char *const command[]);

/*
 * An Envoy whose certificate has expired is told nothing by the control plane, and before it is told something
 * it carries no renewal. So while nobody listens and the files are that old, the carrier (unless it is null)
 * runs in its place, until all have been fetched.
 */
int roles_proxy(const struct exchange_settings *exchange, char *const command[], char *const carrier[]);

/* Both ask the Envoy's admin at a Unix socket. */
int roles_await_proxy(const char *admin, int64_t seconds);

/* Stays for so many seconds, unless that Envoy ends before; one that was restarted meanwhile is drained too. */
int roles_drain(const char *admin, int64_t seconds);

#endif
