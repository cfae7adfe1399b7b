-- Tables for deploy/telegraf/pose-edge.conf in PostgreSQL: `psql pose_edge -f postgresql.sql`; may run again.
-- A row is a message. PostgreSQL keeps one that came twice, which InfluxDB would not: count distinct event_id.

CREATE TABLE IF NOT EXISTS pose_state (
    time timestamptz NOT NULL,
    device text NOT NULL,
    posture text,
    person_count bigint,
    occupied boolean,
    fall text,
    detection text,
    confidence double precision,
    inference_fps double precision,
    frame_age_ms bigint,
    clock_synced boolean
);
CREATE INDEX IF NOT EXISTS pose_state_device_time ON pose_state (device, time DESC);

CREATE TABLE IF NOT EXISTS pose_events (
    time timestamptz NOT NULL,
    device text NOT NULL,
    event_type text,
    kind text,
    stage text,
    severity text,
    person_id text,
    zone text,
    event_id text,
    reason text,
    start_time text,
    confidence double precision,
    test boolean,
    replayed boolean,
    clock_synced boolean,
    sequence bigint
);
CREATE INDEX IF NOT EXISTS pose_events_device_time ON pose_events (device, time DESC);

CREATE TABLE IF NOT EXISTS pose_health (
    time timestamptz NOT NULL,
    device text NOT NULL,
    status text,
    mqtt_state text,
    version text,
    paused boolean,
    clock_synced boolean,
    uptime_s double precision,
    frames_captured_total bigint,
    frames_submitted_total bigint,
    frames_dropped_total bigint,
    results_total bigint,
    results_empty_total bigint,
    timestamp_errors_total bigint,
    callback_errors_total bigint,
    camera_restarts_total bigint,
    mqtt_reconnects_total bigint,
    mqtt_queue bigint,
    mqtt_parked bigint,
    mqtt_dropped_total bigint,
    mqtt_stream_dropped_total bigint,
    mqtt_last_ack_age_s double precision,
    events_refused_total bigint,
    commands_total bigint,
    commands_refused_total bigint,
    inference_fps double precision,
    inference_ms_p50 double precision,
    inference_ms_p95 double precision,
    end_to_end_ms_p95 double precision,
    last_frame_age_s double precision,
    last_result_age_s double precision,
    rss_mb double precision,
    cpu_percent double precision,
    soc_temperature_c double precision,
    throttled_now boolean,
    throttled_ever boolean,
    undervoltage_ever boolean,
    disk_free_mb double precision,
    wifi_rssi_dbm double precision
);
CREATE INDEX IF NOT EXISTS pose_health_device_time ON pose_health (device, time DESC);

GRANT SELECT, INSERT ON pose_state, pose_events, pose_health TO telegraf;

-- With TimescaleDB also these: pieces by time, and an end for what nobody needs. Events are few; keep them.
-- CREATE EXTENSION IF NOT EXISTS timescaledb;
-- SELECT create_hypertable('pose_state', 'time', if_not_exists => TRUE);
-- SELECT create_hypertable('pose_health', 'time', if_not_exists => TRUE);
-- SELECT add_retention_policy('pose_state', INTERVAL '1 year', if_not_exists => TRUE);
-- SELECT add_retention_policy('pose_health', INTERVAL '90 days', if_not_exists => TRUE);
-- Without it, now and then: DELETE FROM pose_health WHERE time < now() - INTERVAL '90 days';
