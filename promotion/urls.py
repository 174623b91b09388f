"""The console's URLs: one view function each, named for what it shows or does."""

from django.urls import path

from promotion.views import (
    amendments,
    approvals,
    audit,
    environment_schemas,
    environments,
    event_types,
    events,
    home,
    plans,
    promotions,
    receipts,
    reconcile,
    replays,
    rule_sets,
    things,
    uploads,
)

app_name = "promotion"
urlpatterns = [
    path("", home.home, name="home"),
    # promotions
    path("promotions/", promotions.promotions, name="promotions"),
    path("promotions/new/", promotions.create, name="promotion_create"),
    path("promotions/<int:promotion_id>/", promotions.promotion, name="promotion"),
    path("promotions/<int:promotion_id>/export/", promotions.export, name="export"),
    path("promotions/<int:promotion_id>/refresh/", promotions.refresh, name="refresh"),
    path("promotions/<int:promotion_id>/cancel/", promotions.cancel, name="cancel"),
    path("promotions/<int:promotion_id>/progress/", promotions.progress, name="progress"),
    # events of a promotion
    path("promotions/<int:promotion_id>/events/", events.events, name="events"),
    path("promotions/<int:promotion_id>/events/select/", events.select, name="events_select"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/", events.event, name="event"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/edit/", events.edit, name="event_edit"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/undo/", events.undo, name="event_undo"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/original/", events.original, name="event_original"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/exclude/", events.exclude, name="event_exclude"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/include/", events.include, name="event_include"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/raw/", events.raw, name="event_raw"),
    path("promotions/<int:promotion_id>/things/", things.things, name="things"),
    # files
    path("promotions/<int:promotion_id>/download/", uploads.download, name="download"),
    path("promotions/<int:promotion_id>/uploads/new/", uploads.upload, name="upload"),
    path("promotions/<int:promotion_id>/uploads/<int:upload_id>/", uploads.report, name="upload_report"),
    path("promotions/<int:promotion_id>/uploads/<int:upload_id>/apply/", uploads.apply, name="upload_apply"),
    path("promotions/<int:promotion_id>/uploads/<int:upload_id>/discard/", uploads.discard, name="upload_discard"),
    # plan
    path("promotions/<int:promotion_id>/plan/", plans.plan, name="plan"),
    path("promotions/<int:promotion_id>/plan/steps/", plans.steps, name="plan_steps"),
    path("promotions/<int:promotion_id>/plan/check/", plans.check, name="plan_check"),
    path("promotions/<int:promotion_id>/plan/force/", plans.force, name="plan_force"),
    path("promotions/<int:promotion_id>/plan/unforce/", plans.unforce, name="plan_unforce"),
    path("promotions/<int:promotion_id>/plan/compare/", plans.compare_plans, name="plan_compare"),
    path("promotions/<int:promotion_id>/plan/<uuid:plan_id>/", plans.plan_old, name="plan_old"),
    # approval
    path("approvals/", approvals.approvals, name="approvals"),
    path("promotions/<int:promotion_id>/plan/<uuid:plan_id>/submit/", approvals.submit, name="plan_submit"),
    path("promotions/<int:promotion_id>/plan/<uuid:plan_id>/approve/", approvals.approve, name="plan_approve"),
    path("promotions/<int:promotion_id>/plan/<uuid:plan_id>/reject/", approvals.reject, name="plan_reject"),
    path("promotions/<int:promotion_id>/plan/<uuid:plan_id>/withdraw/", approvals.withdraw, name="plan_withdraw"),
    # replay
    path("promotions/<int:promotion_id>/replay/", replays.replay, name="replay"),
    path("promotions/<int:promotion_id>/receipt/", receipts.receipt, name="receipt"),
    path("promotions/<int:promotion_id>/receipt/download/", receipts.receipt_download, name="receipt_download"),
    path("promotions/<int:promotion_id>/verify/", receipts.verify, name="verify"),
    path("promotions/<int:promotion_id>/reconcile/", reconcile.reconcile, name="reconcile"),
    # amendments
    path("promotions/<int:promotion_id>/amend/", amendments.amend, name="amend"),
    path("promotions/<int:promotion_id>/story/", amendments.story, name="story"),
    path("promotions/<int:promotion_id>/approach/", amendments.approach, name="approach"),
    path("promotions/<int:promotion_id>/events/<int:event_id>/keep/", amendments.keep, name="amendment_keep"),
    # event types
    path("event-types/", event_types.event_types, name="event_types"),
    path("event-types/decide/", event_types.decide, name="event_types_decide"),
    path("event-types/keys/", event_types.keys, name="event_types_keys"),
    path("event-types/<str:full_name>/", event_types.event_type, name="event_type"),
    # rule sets
    path("rule-sets/", rule_sets.rule_sets, name="rule_sets"),
    path("rule-sets/new/", rule_sets.create, name="rule_set_create"),
    path("rule-sets/<int:pk>/", rule_sets.rule_set, name="rule_set"),
    path("rule-sets/<int:pk>/edit/", rule_sets.edit, name="rule_set_edit"),
    path("rule-sets/<int:pk>/pair/", rule_sets.pair, name="rule_set_pair"),
    path("rule-sets/<int:pk>/archive/", rule_sets.archive, name="rule_set_archive"),
    path("rule-sets/<int:pk>/download/", rule_sets.download, name="rule_set_download"),
    # environments
    path("environments/", environments.environments, name="environments"),
    path("environments/new/", environments.create, name="environment_create"),
    path("environments/drafts/<uuid:draft_id>/", environments.draft, name="environment_draft"),
    path("environments/drafts/<uuid:draft_id>/save/", environments.save_untested, name="environment_save_untested"),
    path("environments/<slug:name>/", environments.environment, name="environment"),
    path("environments/<slug:name>/edit/", environments.edit, name="environment_edit"),
    path("environments/<slug:name>/check/", environments.check, name="environment_check"),
    path("environments/<slug:name>/schemas/", environment_schemas.schemas, name="environment_schemas"),
    path("environments/<slug:name>/schemas/add/", environment_schemas.add, name="environment_schemas_add"),
    path("environments/<slug:name>/schemas/change/", environment_schemas.change, name="environment_schemas_change"),
    path("environments/<slug:name>/schemas/<int:row_id>/", environment_schemas.schema, name="environment_schema"),
    # audit
    path("audit/", audit.audit, name="audit"),
]
