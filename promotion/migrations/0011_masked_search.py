"""What a search may look into: an event's document without the values of its type's sensitive fields."""

from django.db import migrations

# `steps` is one path: names, and '[]' for every item of an array and every value of an object.
WITHOUT = """
CREATE FUNCTION promotion_without(document jsonb, steps text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    step text := steps[1];
    rest text[] := steps[2:];
BEGIN
    IF cardinality(steps) = 0 THEN
        RETURN 'null';
    ELSIF jsonb_typeof(document) = 'array' AND step = '[]' THEN
        RETURN coalesce(
            (SELECT jsonb_agg(promotion_without(value, rest) ORDER BY n)
                FROM jsonb_array_elements(document) WITH ORDINALITY AS items (value, n)),
            '[]');
    ELSIF jsonb_typeof(document) = 'object' AND step = '[]' THEN
        RETURN coalesce((SELECT jsonb_object_agg(key, promotion_without(value, rest)) FROM jsonb_each(document)), '{}');
    ELSIF jsonb_typeof(document) = 'object' AND document ? step THEN
        RETURN document || jsonb_build_object(step, promotion_without(document -> step, rest));
    END IF;
    RETURN document;
END
$$;
"""
# `paths` is a JSON array of such paths.
MASKED = """
CREATE FUNCTION promotion_masked(document jsonb, paths jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    path jsonb;
BEGIN
    FOR path IN SELECT value FROM jsonb_array_elements(paths) LOOP
        document := promotion_without(document, ARRAY(SELECT jsonb_array_elements_text(path)));
    END LOOP;
    RETURN document;
END
$$;
"""


class Migration(migrations.Migration):
    """Two functions; which paths are sensitive is asked with each search."""

    dependencies = [("promotion", "0010_audit_chain")]

    operations = [
        migrations.RunSQL(WITHOUT, "DROP FUNCTION promotion_without(jsonb, text[])"),
        migrations.RunSQL(MASKED, "DROP FUNCTION promotion_masked(jsonb, jsonb)"),
    ]
