"""Words of SQL: statements that read, words that change something, functions that compute."""

from __future__ import annotations

import re

MAX_CHARS = 8 * 1024
"""Longer SQL is not judged."""

READERS = {"select", "with", "values", "table", "("}
"""The first words of statements that read, unless something in them acts."""

_ACTS_TEXT = """insert update delete merge
    replace create alter drop truncate into outfile dumpfile
    execute call do copy lock procedure refresh declare grant revoke"""
ACTS = frozenset(_ACTS_TEXT.split())
"""Words that make a statement a change wherever they stand, but as a column of a named table."""

EXPLAIN_OPTIONS = frozenset(
    ("analyze", "verbose", "query", "plan", "extended", "partitions", "pipeline", "syntax", "ast")
)
"""What may stand between EXPLAIN and the statement."""

ALSO_FUNCTIONS = {"replace", "insert", "truncate"}
"""Of those, the names of functions that only compute."""

_PRAGMAS_TEXT = """page_count page_size freelist_count journal_mode
    user_version schema_version encoding
    database_list compile_options auto_vacuum cache_size synchronous wal_autocheckpoint
    foreign_keys collation_list function_list module_list pragma_list data_version
    application_id busy_timeout mmap_size max_page_count locking_mode temp_store
    secure_delete journal_size_limit"""
PRAGMAS = frozenset(_PRAGMAS_TEXT.split())
"""SQLite's PRAGMAs that only read as long as they are given no value."""

_PRAGMAS_WITH_ARGUMENT_TEXT = """table_info table_xinfo table_list index_list
    index_info index_xinfo foreign_key_list
    foreign_key_check integrity_check quick_check"""
PRAGMAS_WITH_ARGUMENT = frozenset(_PRAGMAS_WITH_ARGUMENT_TEXT.split())
"""Those whose argument only says what to look at."""

_SYNTAX = """in exists any all some over values as and or not on using from where filter within
    partition by select case when then else interval with union except intersect lateral
    having join between like ilike distinct order group limit offset is null end materialized
    row array sets rollup cube grouping window rows range recursive cross left right inner
    outer full natural explain if"""
_PLAIN = """count sum avg min max now round coalesce nullif length lower upper substr substring left
    right concat concat_ws trim ltrim rtrim btrim replace insert truncate to_char to_date
    to_timestamp to_number date_trunc date_part extract age abs ceil ceiling floor cast
    convert greatest least string_agg array_agg row_number rank dense_rank percent_rank ntile
    lag lead first_value last_value unnest generate_series format version database user schema
    ifnull iif datetime date time timestamp strftime julianday unixepoch typeof hex total
    group_concat char_length character_length octet_length unix_timestamp from_unixtime
    timediff datediff timestampdiff sec_to_time time_to_sec date_format date_add date_sub
    dayname monthname year month day hour minute second curdate curtime utc_timestamp
    connection_id found_rows row_count last_insert_id instr locate position strpos lpad rpad
    repeat reverse split_part substring_index mod power pow sqrt sign exp ln log log2 log10
    sha1 sha2 md5 crc32 printf quote char unicode glob likely unlikely json json_extract
    json_valid json_array_length json_each json_tree json_group_array json_object json_type
    pg_size_pretty pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size
    pg_database_size pg_tablespace_size pg_column_size pg_is_in_recovery
    pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_last_committed_xact pg_postmaster_start_time
    pg_conf_load_time pg_blocking_pids pg_safe_snapshot_blocking_pids pg_current_wal_lsn
    pg_current_wal_insert_lsn pg_current_wal_flush_lsn pg_wal_lsn_diff pg_walfile_name
    pg_backend_pid pg_get_userbyid pg_encoding_to_char pg_table_is_visible
    pg_relation_filepath pg_relation_filenode pg_tablespace_location pg_listening_channels
    pg_notification_queue_usage pg_ls_waldir pg_ls_archive_statusdir pg_size_bytes
    pg_control_checkpoint pg_control_system pg_control_recovery pg_control_init
    pg_filenode_relation pg_my_temp_schema pg_trigger_depth obj_description col_description
    shobj_description txid_current_if_assigned txid_current_snapshot inet_server_addr
    inet_server_port inet_client_addr host quantile quantiles uniq uniqexact
    formatreadablesize formatreadablequantity formatreadabletimedelta todate todatetime
    tostartofhour tostartofday tostartofminute tostartoffiveminute tounixtimestamp tohour
    toyyyymm toyyyymmdd tostring hostname uptime any_value anyif countif sumif avgif maxif
    minif topk argmax argmin subtractdays width_bucket percentile_cont percentile_disc mode
    stddev stddev_pop stddev_samp variance var_pop bool_and bool_or every bit_and bit_or
    regexp_replace regexp_matches regexp_match regexp_like regexp_substr initcap chr ascii
    array_length array_to_string cardinality string_to_array to_regclass to_json to_jsonb
    row_to_json jsonb_pretty jsonb_agg json_agg jsonb_each jsonb_object_keys json_build_object
    jsonb_build_object jsonb_array_elements make_interval justify_hours justify_interval
    clock_timestamp statement_timestamp transaction_timestamp current_setting current_database
    current_user current_schema current_date current_time current_timestamp localtime
    localtimestamp session_user system_user bin_to_uuid uuid_to_bin inet_ntoa inet_aton isnull
    inet6_ntoa mean median last first derivative non_negative_derivative difference fill
    percentile spread elapsed moving_average toint64 tofloat64 varchar decimal numeric integer
    int bigint smallint text bool real float double signed unsigned varchar2 nvarchar binary"""
_FORMS = r"pg_get_(?:\w+def|expr|constraintdef|serial_sequence)|pg_stat_get_\w+|has_\w+_privilege"
_FORMS += r"|pragma_(?:" + "|".join(sorted(PRAGMAS_WITH_ARGUMENT)) + ")"

CALLS = re.compile("|".join([*{w.lower() for w in (_SYNTAX + " " + _PLAIN).split()}, _FORMS]))
"""What may stand before a parenthesis: words of the grammar, and functions that only compute.

current_setting() reads a setting; pg_read_file(), lo_export(), dblink(), pg_sleep(), nextval(),
set_config(), pg_terminate_backend(), load_file(), sleep(), url() and any function of the user's own
are not among them.
"""
