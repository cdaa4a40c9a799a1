-- The console carries one kind of act out itself, a replay: it notes in its row how far it has come, and what became of
-- it. What became of any other act only its owner may say, so the console's right ends at the rows that are its own.
GRANT UPDATE (args, status, outcome, done_at) ON control.audit TO bridge_console;

ALTER TABLE control.audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_is_read_by_all ON control.audit FOR SELECT
    TO bridge_poller, bridge_publisher, bridge_console USING (true);
CREATE POLICY audit_is_written_by_the_console ON control.audit FOR INSERT
    TO bridge_console WITH CHECK (true);
CREATE POLICY acts_are_finished_by_services ON control.audit FOR UPDATE
    TO bridge_poller, bridge_publisher USING (true);
CREATE POLICY replays_are_finished_by_the_console ON control.audit FOR UPDATE
    TO bridge_console USING (verb = 'replay') WITH CHECK (verb = 'replay');
