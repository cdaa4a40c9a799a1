-- The console carries some acts out itself (a replay): it notes how far it has come, and what became of it.
GRANT UPDATE (args, status, outcome, done_at) ON control.audit TO bridge_console;
