"""Who asks, and may they: certificates, tokens and RBAC.

::

    authority ──► certificates of the server and of users     signing ──► tokens of service accounts
                          │                                                  │
                          └────────────► UserInfo ◄──────────────────────────┘
                                            │
                     roles and bindings ──► rbac ──► Verdict ──► reviews (can-i, whoami, TokenReview)
                                            └──────► escalation (nobody grants what they do not hold)

Everything is decided at once from memory (``ports.ClusterReader``); only *authority* and *signing* touch
files, and only when the daemon starts. Accounts, pods and roles may go at any moment, so what is cached is
the arithmetic (signatures, compiled rules) and never the fact that an object still exists.
"""
