"""Spaces as their users manage them: create, select, list, show, remove.

::

    paths ──────────► the space a user means
    observing ──────► World (the namespaces one may see, and what one may not)
                        ├─► creation, removal (pure) ──► Plan: a question, warnings, actions
                        └─► views (pure) ──► what is listed and shown
    Plan ──► applying ──► the cluster ; waiting ──► until a namespace is gone
    usecases: all of it behind one client and one user's selection

A plan is made, shown, and then applied as it was shown: nobody agrees to one thing and gets another. Every
plan is made from what is there, so running a command twice changes nothing the second time, and one that
failed half-way goes on where it stopped.

Everything is done with the caller's own rights. Who may not list the cluster's namespaces still works in
those they may see: a ``World`` knows what it does not know, and the commands say so.
"""
