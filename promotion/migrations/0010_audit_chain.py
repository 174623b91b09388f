"""The chain over the audit trail: written by triggers as each transaction commits. docs/decisions/0021 says why."""

from django.db import migrations, models

# The text that is hashed is promised in docs/audit.md, and promotion/actions/audit_chain.py builds it a second time.
DIGEST = """
CREATE FUNCTION promotion_audit_field(field text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-') || ','
$$;
CREATE FUNCTION promotion_audit_digest(number bigint, previous text, entry promotion_auditentry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(
        promotion_audit_field(number::text)
        || promotion_audit_field(previous)
        || promotion_audit_field(entry.id::text)
        || promotion_audit_field(trunc(extract(epoch FROM entry.at) * 1000000)::text)
        || promotion_audit_field(entry.actor_id::text)
        || promotion_audit_field(entry.actor_name)
        || promotion_audit_field(entry.origin)
        || promotion_audit_field(entry.verb)
        || promotion_audit_field(entry.object_type)
        || promotion_audit_field(entry.object_id)
        || promotion_audit_field(entry.object_label)
        || promotion_audit_field(entry.reason)
        || promotion_audit_field(entry.before::text)
        || promotion_audit_field(entry.after::text),
    'UTF8')), 'hex')
$$;
"""

# In PL/pgSQL each statement has a snapshot of its own: the newest seal is looked for after the lock is there, and so is
# that of whoever held it before. The lock is given back after the transaction has become visible.
SEAL = """
CREATE FUNCTION promotion_seal(entry promotion_auditentry) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last promotion_auditseal%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('promotion_auditseal', 0));
    SELECT * INTO last FROM promotion_auditseal ORDER BY number DESC LIMIT 1;
    last.number := coalesce(last.number, 0) + 1;
    INSERT INTO promotion_auditseal (number, entry_id, digest) VALUES (
        last.number, entry.id, promotion_audit_digest(last.number, coalesce(last.digest, repeat('0', 64)), entry)
    );
END $$;
"""

# What a transaction has put off until its end is done in the order in which it was put off. Checks of foreign keys are
# among it, and they may wait for rows that another transaction holds, which may wait for our lock when it commits. So
# the first trigger only puts an entry at the end of the queue, by way of a table that is always empty to others, and
# the second one seals when nothing is left that could wait.
TRIGGERS = """
CREATE TABLE promotion_auditunsealed (entry_id bigint PRIMARY KEY);
CREATE FUNCTION promotion_seal_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO promotion_auditunsealed (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION promotion_seal_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM promotion_seal(entry) FROM promotion_auditentry entry WHERE entry.id = NEW.entry_id;
    DELETE FROM promotion_auditunsealed WHERE entry_id = NEW.entry_id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_seal_later AFTER INSERT ON promotion_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION promotion_seal_later();
CREATE CONSTRAINT TRIGGER audit_seal_now AFTER INSERT ON promotion_auditunsealed
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION promotion_seal_now();
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON promotion_auditseal
    FOR EACH ROW EXECUTE FUNCTION promotion_refuse_change();
"""

EXISTING = """
DO $$
DECLARE
    entry promotion_auditentry%ROWTYPE;
BEGIN
    LOCK TABLE promotion_auditentry IN SHARE ROW EXCLUSIVE MODE;
    FOR entry IN SELECT * FROM promotion_auditentry ORDER BY id LOOP
        PERFORM promotion_seal(entry);
    END LOOP;
END $$;
"""

# The seals go too: made anew, they would begin with the first entry again.
UNDO = """
DROP TRIGGER audit_seal_append_only ON promotion_auditseal;
DROP TRIGGER audit_seal_later ON promotion_auditentry;
DROP TABLE promotion_auditunsealed;
DROP FUNCTION promotion_seal_now;
DROP FUNCTION promotion_seal_later;
DROP FUNCTION promotion_seal;
DROP FUNCTION promotion_audit_digest;
DROP FUNCTION promotion_audit_field;
DELETE FROM promotion_auditseal;
"""


class Migration(migrations.Migration):
    """Seals for every entry, those that are there included, and an index to find a person's entries by."""

    dependencies = [("promotion", "0009_sensitive_reader")]

    operations = [
        migrations.AddIndex("auditentry", models.Index(fields=["actor_name", "-id"], name="audit_actor")),
        migrations.RunSQL(DIGEST + SEAL + EXISTING + TRIGGERS, UNDO),
    ]
