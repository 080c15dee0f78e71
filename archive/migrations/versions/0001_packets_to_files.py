"""The first tables: packets and what they say, campaigns, datasets and files."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bursts",
        sa.Column("name", sa.String(), nullable=False),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_bursts_name_not_empty")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bursts")),
    )
    op.create_table(
        "campaigns",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("burst", sa.String(), nullable=False),
        sa.Column("telescope", sa.String(), nullable=False),
        sa.CheckConstraint(
            "name = burst || '.' || telescope", name=op.f("ck_campaigns_name_is_burst_and_telescope")
        ),
        sa.CheckConstraint(
            "substr(telescope, 1, 4) = 'gft-'", name=op.f("ck_campaigns_telescope_is_telescope")
        ),
        sa.ForeignKeyConstraint(["burst"], ["bursts.name"], name=op.f("fk_campaigns_burst")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("burst", "telescope", name=op.f("uq_campaigns_burst")),
    )
    op.create_table(
        "datasets",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_datasets_attempt_from_one")),
        sa.CheckConstraint("length(dataset) > 0", name=op.f("ck_datasets_dataset_not_empty")),
        sa.CheckConstraint("length(manifest) > 0", name=op.f("ck_datasets_manifest_not_empty")),
        sa.CheckConstraint(
            "length(manifest_sha256) = 64 AND manifest_sha256 = lower(manifest_sha256)",
            name=op.f("ck_datasets_manifest_sha256_is_digest"),
        ),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"], name=op.f("fk_datasets_campaign")),
        sa.PrimaryKeyConstraint("campaign", "dataset", name=op.f("pk_datasets")),
    )
    op.create_table(
        "packets",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("ivorn", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("author", sa.String(), nullable=True),
        sa.Column("campaign", sa.String(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("written", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_s", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "campaign IS NOT NULL OR kind IS NULL OR kind = 'receipt'",
            name=op.f("ck_packets_campaign_with_kind"),
        ),
        sa.CheckConstraint(
            "kind IN ('trigger', 'result', 'upload', 'status', 'closing', 'receipt')",
            name=op.f("ck_packets_kind_is_known"),
        ),
        sa.CheckConstraint(
            "role IN ('observation', 'prediction', 'utility', 'test')", name=op.f("ck_packets_role_is_known")
        ),
        sa.CheckConstraint("(kind IS NULL) = (author IS NULL)", name=op.f("ck_packets_author_with_kind")),
        sa.CheckConstraint("(kind IS NULL) = (sequence IS NULL)", name=op.f("ck_packets_sequence_with_kind")),
        sa.CheckConstraint("deadline_s > 0", name=op.f("ck_packets_deadline_s_positive")),
        sa.CheckConstraint(
            "kind IS NOT NULL OR campaign IS NULL", name=op.f("ck_packets_campaign_only_with_kind")
        ),
        sa.CheckConstraint("kind IS NULL OR written IS NOT NULL", name=op.f("ck_packets_written_with_kind")),
        sa.CheckConstraint("length(ivorn) > 0", name=op.f("ck_packets_ivorn_not_empty")),
        sa.CheckConstraint("length(raw) > 0", name=op.f("ck_packets_raw_not_empty")),
        sa.CheckConstraint(
            "length(sha256) = 64 AND sha256 = lower(sha256)", name=op.f("ck_packets_sha256_is_digest")
        ),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_packets_sequence_not_negative")),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"], name=op.f("fk_packets_campaign")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_packets")),
    )
    op.create_index("ix_packets_campaign_kind", "packets", ["campaign", "kind"])
    op.create_index("ix_packets_ivorn", "packets", ["ivorn"])
    op.create_table(
        "citations",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cited_ivorn", sa.String(), nullable=False),
        sa.Column("cited_sha256", sa.String(), nullable=True),
        sa.Column("cite", sa.String(), nullable=False),
        sa.CheckConstraint(
            "cite IN ('followup', 'supersedes', 'retraction')", name=op.f("ck_citations_cite_is_known")
        ),
        sa.CheckConstraint(
            "length(cited_sha256) = 64 AND cited_sha256 = lower(cited_sha256)",
            name=op.f("ck_citations_cited_sha256_is_digest"),
        ),
        sa.CheckConstraint("position >= 0", name=op.f("ck_citations_position_not_negative")),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_citations_packet")),
        sa.PrimaryKeyConstraint("packet", "position", name=op.f("pk_citations")),
    )
    op.create_index("ix_citations_cited_ivorn", "citations", ["cited_ivorn"])
    op.create_table(
        "closings",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('completed', 'declined', 'retracted', 'aborted', 'failed')",
            name=op.f("ck_closings_outcome_is_known"),
        ),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_closings_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_closings")),
    )
    op.create_table(
        "deliveries",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "direction IN ('sent', 'received')", name=op.f("ck_deliveries_direction_is_known")
        ),
        sa.CheckConstraint("length(peer) > 0", name=op.f("ck_deliveries_peer_not_empty")),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_deliveries_packet")),
        sa.PrimaryKeyConstraint("packet", "direction", "peer", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_time", "deliveries", ["time"])
    op.create_table(
        "files",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.CheckConstraint(
            "length(name) > 0 AND substr(name, 1, 1) <> '/'", name=op.f("ck_files_name_is_relative")
        ),
        sa.CheckConstraint(
            "replace('/' || name || '/', '/../', '') = '/' || name || '/'",
            name=op.f("ck_files_name_stays_inside"),
        ),
        sa.CheckConstraint(
            "length(sha256) = 64 AND sha256 = lower(sha256)", name=op.f("ck_files_sha256_is_digest")
        ),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_files_size_bytes_not_negative")),
        sa.ForeignKeyConstraint(
            ["campaign", "dataset"], ["datasets.campaign", "datasets.dataset"], name=op.f("fk_files_campaign")
        ),
        sa.PrimaryKeyConstraint("campaign", "dataset", "name", name=op.f("pk_files")),
    )
    op.create_table(
        "receipts",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("cited_ivorn", sa.String(), nullable=False),
        sa.Column("cited_sha256", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('relayed', 'received', 'accepted', 'refused', 'expired')",
            name=op.f("ck_receipts_outcome_is_known"),
        ),
        sa.CheckConstraint(
            "length(cited_sha256) = 64 AND cited_sha256 = lower(cited_sha256)",
            name=op.f("ck_receipts_cited_sha256_is_digest"),
        ),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_receipts_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_receipts")),
    )
    op.create_index("ix_receipts_cited", "receipts", ["cited_sha256", "cited_ivorn"])
    op.create_table(
        "results",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("epoch_s", sa.Double(), nullable=True),
        sa.Column("source_ra_deg", sa.Double(), nullable=True),
        sa.Column("source_dec_deg", sa.Double(), nullable=True),
        sa.Column("source_error_radius_deg", sa.Double(), nullable=True),
        sa.Column("fit_index", sa.Double(), nullable=True),
        sa.Column("fit_index_err", sa.Double(), nullable=True),
        sa.Column("fit_chi2", sa.Double(), nullable=True),
        sa.Column("fit_dof", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.CheckConstraint("product IN ('light-curve', 'sed')", name=op.f("ck_results_product_is_known")),
        sa.CheckConstraint(
            "(fit_index IS NULL) = (fit_chi2 IS NULL)", name=op.f("ck_results_fit_index_with_chi2")
        ),
        sa.CheckConstraint(
            "(fit_index IS NULL) = (fit_dof IS NULL)", name=op.f("ck_results_fit_index_with_dof")
        ),
        sa.CheckConstraint(
            "(fit_index IS NULL) = (fit_index_err IS NULL)", name=op.f("ck_results_fit_index_with_error")
        ),
        sa.CheckConstraint(
            "(source_ra_deg IS NULL) = (source_dec_deg IS NULL)",
            name=op.f("ck_results_source_ra_deg_with_dec"),
        ),
        sa.CheckConstraint("epoch_s >= -1e9 AND epoch_s <= 1e9", name=op.f("ck_results_epoch_s_in_range")),
        sa.CheckConstraint(
            "fit_index >= -1e6 AND fit_index <= 1e6", name=op.f("ck_results_fit_index_in_range")
        ),
        sa.CheckConstraint(
            "fit_index_err >= 0 AND fit_chi2 >= 0 AND fit_dof >= 0", name=op.f("ck_results_fit_not_negative")
        ),
        sa.CheckConstraint(
            "source_dec_deg >= -90 AND source_dec_deg <= 90", name=op.f("ck_results_source_dec_deg_in_range")
        ),
        sa.CheckConstraint(
            "source_error_radius_deg >= 0 AND source_error_radius_deg <= 180",
            name=op.f("ck_results_source_error_radius_deg_in_range"),
        ),
        sa.CheckConstraint(
            "source_error_radius_deg IS NULL OR source_ra_deg IS NOT NULL",
            name=op.f("ck_results_source_error_radius_deg_with_position"),
        ),
        sa.CheckConstraint(
            "source_ra_deg >= 0 AND source_ra_deg < 360", name=op.f("ck_results_source_ra_deg_in_range")
        ),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_results_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_results")),
    )
    op.create_table(
        "statuses",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('plan', 'hold', 'unsafe', 'abort', 'clear')", name=op.f("ck_statuses_state_is_known")
        ),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_statuses_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_statuses")),
    )
    op.create_table(
        "triggers",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("trigger_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ra_deg", sa.Double(), nullable=True),
        sa.Column("dec_deg", sa.Double(), nullable=True),
        sa.Column("error_radius_deg", sa.Double(), nullable=True),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("notice_ivorn", sa.String(), nullable=False),
        sa.Column("notice_sha256", sa.String(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "action <> 'observe' OR ra_deg IS NOT NULL", name=op.f("ck_triggers_position_to_observe")
        ),
        sa.CheckConstraint(
            "action IN ('observe', 'retract', 'cancel')", name=op.f("ck_triggers_action_is_known")
        ),
        sa.CheckConstraint("(ra_deg IS NULL) = (dec_deg IS NULL)", name=op.f("ck_triggers_ra_deg_with_dec")),
        sa.CheckConstraint("dec_deg >= -90 AND dec_deg <= 90", name=op.f("ck_triggers_dec_deg_in_range")),
        sa.CheckConstraint(
            "error_radius_deg >= 0 AND error_radius_deg <= 180",
            name=op.f("ck_triggers_error_radius_deg_in_range"),
        ),
        sa.CheckConstraint(
            "error_radius_deg IS NULL OR ra_deg IS NOT NULL",
            name=op.f("ck_triggers_error_radius_deg_with_position"),
        ),
        sa.CheckConstraint(
            "length(notice_sha256) = 64 AND notice_sha256 = lower(notice_sha256)",
            name=op.f("ck_triggers_notice_sha256_is_digest"),
        ),
        sa.CheckConstraint("ra_deg >= 0 AND ra_deg < 360", name=op.f("ck_triggers_ra_deg_in_range")),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_triggers_revision_not_negative")),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_triggers_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_triggers")),
    )
    op.create_index("ix_triggers_dec_deg", "triggers", ["dec_deg"])
    op.create_index("ix_triggers_trigger_time", "triggers", ["trigger_time"])
    op.create_table(
        "uploads",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("manifest_path", sa.String(), nullable=False),
        sa.Column("manifest_bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('starting', 'completed')", name=op.f("ck_uploads_state_is_known")),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_uploads_attempt_from_one")),
        sa.CheckConstraint("files >= 0 AND total_bytes >= 0", name=op.f("ck_uploads_counts_not_negative")),
        sa.CheckConstraint("length(dataset) > 0", name=op.f("ck_uploads_dataset_not_empty")),
        sa.CheckConstraint("length(manifest_path) > 0", name=op.f("ck_uploads_manifest_path_not_empty")),
        sa.CheckConstraint(
            "length(manifest_sha256) = 64 AND manifest_sha256 = lower(manifest_sha256)",
            name=op.f("ck_uploads_manifest_sha256_is_digest"),
        ),
        sa.CheckConstraint("manifest_bytes > 0", name=op.f("ck_uploads_manifest_bytes_positive")),
        sa.ForeignKeyConstraint(["packet"], ["packets.sha256"], name=op.f("fk_uploads_packet")),
        sa.PrimaryKeyConstraint("packet", name=op.f("pk_uploads")),
    )
    op.create_table(
        "closing_packets",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("listed_ivorn", sa.String(), nullable=False),
        sa.Column("listed_sha256", sa.String(), nullable=False),
        sa.CheckConstraint(
            "length(listed_sha256) = 64 AND listed_sha256 = lower(listed_sha256)",
            name=op.f("ck_closing_packets_listed_sha256_is_digest"),
        ),
        sa.CheckConstraint("position >= 0", name=op.f("ck_closing_packets_position_not_negative")),
        sa.ForeignKeyConstraint(["packet"], ["closings.packet"], name=op.f("fk_closing_packets_packet")),
        sa.PrimaryKeyConstraint("packet", "position", name=op.f("pk_closing_packets")),
        sa.UniqueConstraint(
            "packet", "listed_sha256", "listed_ivorn", name=op.f("uq_closing_packets_packet")
        ),
    )
    op.create_table(
        "photometry",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("t_s", sa.Double(), nullable=False),
        sa.Column("exposure_s", sa.Double(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("mag", sa.Double(), nullable=False),
        sa.Column("mag_err", sa.Double(), nullable=True),
        sa.Column("is_limit", sa.Boolean(), nullable=False),
        sa.Column("limit_sigma", sa.Double(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "exposure_s > 0 AND exposure_s <= 1e6", name=op.f("ck_photometry_exposure_s_in_range")
        ),
        sa.CheckConstraint("frames >= 1", name=op.f("ck_photometry_frames_from_one")),
        sa.CheckConstraint("is_limit = (mag_err IS NULL)", name=op.f("ck_photometry_error_unless_limit")),
        sa.CheckConstraint("length(filter) > 0", name=op.f("ck_photometry_filter_not_empty")),
        sa.CheckConstraint(
            "limit_sigma > 0 AND limit_sigma <= 1000", name=op.f("ck_photometry_limit_sigma_in_range")
        ),
        sa.CheckConstraint("mag >= -40 AND mag <= 60", name=op.f("ck_photometry_mag_in_range")),
        sa.CheckConstraint("mag_err > 0 AND mag_err <= 60", name=op.f("ck_photometry_mag_err_in_range")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_photometry_position_not_negative")),
        sa.CheckConstraint("t_s >= -1e9 AND t_s <= 1e9", name=op.f("ck_photometry_t_s_in_range")),
        sa.ForeignKeyConstraint(["packet"], ["results.packet"], name=op.f("fk_photometry_packet")),
        sa.PrimaryKeyConstraint("packet", "position", name=op.f("pk_photometry")),
    )
    op.create_table(
        "sed",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("wavelength_nm", sa.Double(), nullable=False),
        sa.Column("flux_density_ujy", sa.Double(), nullable=False),
        sa.Column("flux_density_err_ujy", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "flux_density_err_ujy > 0 AND flux_density_err_ujy <= 1e15",
            name=op.f("ck_sed_flux_density_err_ujy_in_range"),
        ),
        sa.CheckConstraint(
            "flux_density_ujy >= -1e15 AND flux_density_ujy <= 1e15",
            name=op.f("ck_sed_flux_density_ujy_in_range"),
        ),
        sa.CheckConstraint("length(filter) > 0", name=op.f("ck_sed_filter_not_empty")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_sed_position_not_negative")),
        sa.CheckConstraint(
            "wavelength_nm > 0 AND wavelength_nm <= 1e9", name=op.f("ck_sed_wavelength_nm_in_range")
        ),
        sa.ForeignKeyConstraint(["packet"], ["results.packet"], name=op.f("fk_sed_packet")),
        sa.PrimaryKeyConstraint("packet", "position", name=op.f("pk_sed")),
    )
    op.create_table(
        "task_outcomes",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("exposures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('done', 'partial', 'skipped', 'failed')",
            name=op.f("ck_task_outcomes_outcome_is_known"),
        ),
        sa.CheckConstraint("exposures >= 0", name=op.f("ck_task_outcomes_exposures_not_negative")),
        sa.CheckConstraint("length(task) > 0", name=op.f("ck_task_outcomes_task_not_empty")),
        sa.ForeignKeyConstraint(["packet"], ["closings.packet"], name=op.f("fk_task_outcomes_packet")),
        sa.PrimaryKeyConstraint("packet", "task", name=op.f("pk_task_outcomes")),
    )
    op.create_table(
        "tasks",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("exposure_s", sa.Double(), nullable=False),
        sa.Column("exposures", sa.Integer(), nullable=False),
        sa.Column("airmass", sa.Double(), nullable=True),
        sa.CheckConstraint("airmass >= 0.99 AND airmass <= 40", name=op.f("ck_tasks_airmass_in_range")),
        sa.CheckConstraint("exposure_s > 0 AND exposure_s <= 1e6", name=op.f("ck_tasks_exposure_s_in_range")),
        sa.CheckConstraint("exposures >= 1", name=op.f("ck_tasks_exposures_from_one")),
        sa.CheckConstraint("length(task) > 0", name=op.f("ck_tasks_task_not_empty")),
        sa.ForeignKeyConstraint(["packet"], ["statuses.packet"], name=op.f("fk_tasks_packet")),
        sa.PrimaryKeyConstraint("packet", "task", name=op.f("pk_tasks")),
    )
