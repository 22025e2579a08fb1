BEGIN TRANSACTION;
CREATE TABLE alarms (
	word VARCHAR NOT NULL, 
	since DOUBLE NOT NULL, 
	gone_at DOUBLE, 
	told_at DOUBLE, 
	over_at DOUBLE, 
	times INTEGER NOT NULL, 
	PRIMARY KEY (word)
);
INSERT INTO "alarms" VALUES('a1_away',1795305645.0,NULL,NULL,NULL,0);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE campaign_totals (
	campaign INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	segments INTEGER NOT NULL, 
	a1_segments INTEGER NOT NULL, 
	amount VARCHAR NOT NULL, 
	messages INTEGER NOT NULL, 
	PRIMARY KEY (campaign, status, reason, segments, a1_segments, amount), 
	FOREIGN KEY(campaign) REFERENCES campaigns (id)
)
 WITHOUT ROWID

;
INSERT INTO "campaign_totals" VALUES(1,'rejected','no_consent',1,0,'',1);
CREATE TABLE campaigns (
	id INTEGER NOT NULL, 
	began_at DOUBLE NOT NULL, 
	latest_at DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	sender_id VARCHAR, 
	sent_by VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	state_at DOUBLE NOT NULL, 
	state_by VARCHAR, 
	anew_at DOUBLE, 
	unsettled BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "campaigns" VALUES(1,1795305600.0,1795305600.0,'Скидки до конца недели',NULL,'other','paused',1795305631.0,'администратор',NULL,0);
CREATE TABLE choices (
	id INTEGER NOT NULL, 
	msisdn VARCHAR NOT NULL, 
	at DOUBLE NOT NULL, 
	choice VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	note TEXT NOT NULL, 
	due_at DOUBLE, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	contacts TEXT, 
	trouble TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "choices" VALUES(1,'+375291112255',1795305612.0,'out','operator','по телефону',1795305612.0,0,NULL,NULL);
CREATE TABLE conditions (
	scenario VARCHAR NOT NULL, 
	item INTEGER NOT NULL, 
	held BOOLEAN NOT NULL, 
	times INTEGER NOT NULL, 
	PRIMARY KEY (scenario, item)
);
INSERT INTO "conditions" VALUES('vip',4182,1,1);
CREATE TABLE consent_evidence (
	id INTEGER NOT NULL, 
	msisdn VARCHAR NOT NULL, 
	message_id VARCHAR NOT NULL, 
	received_at DOUBLE NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR, 
	final_at DOUBLE, 
	sender_id VARCHAR, 
	asked_at DOUBLE NOT NULL, 
	field VARCHAR NOT NULL, 
	contact INTEGER, 
	value TEXT, 
	meaning TEXT NOT NULL, 
	granted BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "consent_evidence" VALUES(1,'+375291112245','not agreed',1795305600.0,'rejected','no_consent',1795305611.0,NULL,1795305610.0,'UF_CRM_SMS_CONSENT',NULL,NULL,'контакта с этим номером нет',0);
INSERT INTO "consent_evidence" VALUES(2,'+375291112246','old',1795305600.0,'rejected','no_consent',1795305611.0,NULL,1795305610.0,'UF_CRM_SMS_CONSENT',NULL,NULL,'контакта с этим номером нет',0);
CREATE TABLE consents (
	id INTEGER NOT NULL, 
	message INTEGER NOT NULL, 
	asked_at DOUBLE NOT NULL, 
	field VARCHAR NOT NULL, 
	contact INTEGER, 
	value TEXT, 
	meaning TEXT NOT NULL, 
	granted BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(message) REFERENCES messages (id)
);
INSERT INTO "consents" VALUES(1,9,1795305610.0,'UF_CRM_SMS_CONSENT',275,'1','да',1);
CREATE TABLE documents_of (
	member_id VARCHAR NOT NULL, 
	domain VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	PRIMARY KEY (member_id)
);
INSERT INTO "documents_of" VALUES('77aa','shop.bitrix24.by',0);
CREATE TABLE erasures (
	id INTEGER NOT NULL, 
	asked_at DOUBLE NOT NULL, 
	asked_by TEXT NOT NULL, 
	with_evidence BOOLEAN NOT NULL, 
	msisdn VARCHAR, 
	done_at DOUBLE, 
	counts TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "erasures" VALUES(1,1795305644.0,'администратор',0,'+375291112299',NULL,'{}');
CREATE TABLE history (
	id INTEGER NOT NULL, 
	message INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	source VARCHAR NOT NULL, 
	status VARCHAR, 
	word VARCHAR NOT NULL, 
	note TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(message) REFERENCES messages (id)
);
INSERT INTO "history" VALUES(1,1,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(2,2,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(3,3,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(4,4,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(5,5,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(6,1,1795305601.0,'api','sent','accepted',NULL);
INSERT INTO "history" VALUES(7,2,1795305601.0,'api','rejected','100','неверный номер');
INSERT INTO "history" VALUES(8,3,1795305601.0,'api',NULL,'answer_lost','A1 cannot be reached');
INSERT INTO "history" VALUES(9,5,1795305601.0,'api','sent','accepted',NULL);
INSERT INTO "history" VALUES(10,1,1795305602.0,'callback','delivered','DELIVERED',NULL);
INSERT INTO "history" VALUES(11,2,1795305603.0,'portal',NULL,'confirmed:failed',NULL);
INSERT INTO "history" VALUES(12,6,1795305600.0,'gateway','rejected','too_short',NULL);
INSERT INTO "history" VALUES(13,7,1795305604.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(14,8,1795305599.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(15,8,1795305600.0,'api','sent','accepted',NULL);
INSERT INTO "history" VALUES(16,8,1795305605.0,'receipt',NULL,'DELIVRD','part 1 of 2');
INSERT INTO "history" VALUES(17,9,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(18,10,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(20,12,1795305600.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(21,9,1795305611.0,'portal',NULL,'consent',NULL);
INSERT INTO "history" VALUES(22,10,1795305611.0,'portal','rejected','no_consent',NULL);
INSERT INTO "history" VALUES(24,13,1795305621.0,'portal','queued','accepted',NULL);
INSERT INTO "history" VALUES(25,12,1795305632.0,'gateway',NULL,'held',NULL);
INSERT INTO "history" VALUES(26,9,1795305632.0,'gateway',NULL,'held',NULL);
INSERT INTO "history" VALUES(27,10,1795305640.0,'portal',NULL,'confirmed:failed',NULL);
CREATE TABLE incoming (
	id INTEGER NOT NULL, 
	received_at DOUBLE NOT NULL, 
	source VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	msisdn VARCHAR, 
	text TEXT NOT NULL, 
	parts INTEGER NOT NULL, 
	parts_received INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "incoming" VALUES(1,1795305606.0,'375291112233','1234','+375291112233','СТОП',1,1);
CREATE TABLE incoming_parts (
	id INTEGER NOT NULL, 
	received_at DOUBLE NOT NULL, 
	source VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	data_coding INTEGER NOT NULL, 
	reference INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	octets BLOB NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (source, destination, reference, total, number)
);
INSERT INTO "incoming_parts" VALUES(1,1795305607.0,'375291112233','1234',8,7,2,1,X'041A043E0433043404300020');
CREATE TABLE installation (
	member_id VARCHAR NOT NULL, 
	domain VARCHAR NOT NULL, 
	client_endpoint VARCHAR NOT NULL, 
	access_token VARCHAR NOT NULL, 
	refresh_token VARCHAR NOT NULL, 
	application_token VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	language VARCHAR NOT NULL, 
	installed_at DOUBLE NOT NULL, 
	refreshed_at DOUBLE NOT NULL, 
	PRIMARY KEY (member_id)
);
INSERT INTO "installation" VALUES('77aa','shop.bitrix24.by','https://shop.bitrix24.by/rest/','access-1','refresh-1','app-token','crm','1','ru',1795305600.0,1795305600.0);
CREATE TABLE look_ups (
	"key" VARCHAR NOT NULL, 
	entity_type INTEGER, 
	item INTEGER, 
	payload TEXT, 
	first_at DOUBLE NOT NULL, 
	latest_at DOUBLE NOT NULL, 
	due_at DOUBLE NOT NULL, tries INTEGER DEFAULT '0' NOT NULL, trouble TEXT, 
	PRIMARY KEY ("key")
);
INSERT INTO "look_ups" VALUES('deal:4182',2,4182,NULL,1795305623.0,1795305623.0,1795305628.0,0,NULL);
CREATE TABLE message_items (
	entity_type INTEGER NOT NULL, 
	item INTEGER NOT NULL, 
	message INTEGER NOT NULL, 
	PRIMARY KEY (entity_type, item, message), 
	FOREIGN KEY(message) REFERENCES messages (id)
)
 WITHOUT ROWID

;
INSERT INTO "message_items" VALUES(2,4182,1);
INSERT INTO "message_items" VALUES(2,4182,2);
INSERT INTO "message_items" VALUES(2,4182,3);
INSERT INTO "message_items" VALUES(2,4182,4);
INSERT INTO "message_items" VALUES(2,4182,5);
CREATE TABLE message_sources (
	sent_by VARCHAR NOT NULL, 
	sender_id VARCHAR NOT NULL, 
	PRIMARY KEY (sent_by, sender_id)
)
 WITHOUT ROWID

;
INSERT INTO "message_sources" VALUES('card','');
INSERT INTO "message_sources" VALUES('other','');
CREATE TABLE messages (
	id INTEGER NOT NULL, 
	message_id VARCHAR NOT NULL, 
	custom_id VARCHAR NOT NULL, 
	a1_id VARCHAR, 
	received_at DOUBLE NOT NULL, 
	kind VARCHAR NOT NULL, 
	origin JSON NOT NULL, 
	number_received TEXT NOT NULL, 
	msisdn VARCHAR, 
	warning VARCHAR, 
	text TEXT NOT NULL, 
	sender_id VARCHAR, 
	segments INTEGER NOT NULL, 
	a1_segments INTEGER, 
	price VARCHAR, 
	amount VARCHAR, 
	refusal VARCHAR, 
	status VARCHAR NOT NULL, 
	reason VARCHAR, 
	word VARCHAR, 
	stage VARCHAR NOT NULL, 
	due_at DOUBLE, 
	attempts INTEGER NOT NULL, 
	uncertain VARCHAR, 
	asked INTEGER NOT NULL, 
	final_at DOUBLE, 
	told VARCHAR, 
	tell_at DOUBLE, 
	tell_tries INTEGER NOT NULL, 
	confirmed_at DOUBLE, resent INTEGER DEFAULT '0' NOT NULL, postponed INTEGER DEFAULT '0' NOT NULL, concatenation INTEGER, partly_at DOUBLE, consent_at DOUBLE, teller VARCHAR DEFAULT 'sender' NOT NULL, not_before DOUBLE, leave_by DOUBLE, again_from DOUBLE, again_by DOUBLE, deliver_by DOUBLE, sent_by VARCHAR DEFAULT 'other' NOT NULL, campaign INTEGER REFERENCES campaigns (id), masked_at DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (message_id), 
	UNIQUE (custom_id)
);
INSERT INTO "messages" VALUES(1,'delivered','373e0712c83cffe15ff4','a1-1',1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,1,NULL,NULL,NULL,'delivered',NULL,'DELIVERED','over',NULL,1,NULL,0,1795305602.0,'delivered',1795305602.0,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'card',NULL,NULL);
INSERT INTO "messages" VALUES(2,'rejected','20cd938a2ea64f612b35',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'rejected','bad_number','100','over',NULL,1,NULL,0,1795305601.0,'failed',NULL,1,1795305603.0,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'card',NULL,NULL);
INSERT INTO "messages" VALUES(3,'lost','76f75e6129fe30135bd4',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,'answer_lost','asking',1795305630.0,1,'answer_lost',0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'card',NULL,NULL);
INSERT INTO "messages" VALUES(4,'in flight','eaeb8b1be5ae0d597b36',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'in_flight',1795305600.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'card',NULL,NULL);
INSERT INTO "messages" VALUES(5,'sent','7afbb3347fb7252e533d','a1-2',1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,1,NULL,NULL,NULL,'sent',NULL,'accepted','sent',1795305660.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'card',NULL,NULL);
INSERT INTO "messages" VALUES(6,'refused','83c874d33e8bff73caaa',NULL,1795305600.0,'transactional','{}','12345',NULL,NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,'too_short','rejected','too_short',NULL,'over',NULL,0,NULL,0,1795305600.0,'failed',1795305600.0,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',NULL,NULL);
INSERT INTO "messages" VALUES(7,'waits','7c4a345722b40acbdc12',NULL,1795305604.0,'transactional','{}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305604.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',NULL,NULL);
INSERT INTO "messages" VALUES(8,'in parts','6e540971acafa5f53826','7A01',1795305599.0,'transactional','{}','+375291112233','+375291112233',NULL,'Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. ',NULL,2,2,NULL,NULL,NULL,'sent',NULL,'DELIVRD','sent',1795305660.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,8,1795305605.0,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',NULL,NULL);
INSERT INTO "messages" VALUES(9,'agreed','9eace41237dcecc2fd79',NULL,1795305600.0,'marketing','{}','+375291112233','+375291112244',NULL,'Скидки до конца недели',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'held',1795305632.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,1795305610.0,'sender',NULL,NULL,NULL,NULL,NULL,'other',1,NULL);
INSERT INTO "messages" VALUES(10,'not agreed','e0df005b6e287d604af7',NULL,1795305600.0,'marketing','{}','+375291******','+375291******',NULL,'',NULL,1,NULL,NULL,NULL,NULL,'rejected','no_consent','no_consent','over',NULL,0,NULL,0,1795305611.0,'failed',NULL,1,1795305640.0,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',1,1795305641.0);
INSERT INTO "messages" VALUES(12,'unasked','d20d2ac094e19c514cf5',NULL,1795305600.0,'marketing','{}','+375291112233','+375291112247',NULL,'Скидки до конца недели',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'held',1795305632.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',1,NULL);
INSERT INTO "messages" VALUES(13,'of a rule','b6c2f34f1652ace92646',NULL,1795305621.0,'transactional','{}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305621.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,NULL,'sender',NULL,NULL,NULL,NULL,NULL,'other',NULL,NULL);
CREATE TABLE moves (
	entity_type INTEGER NOT NULL, 
	item INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (entity_type, item)
);
INSERT INTO "moves" VALUES(177,12,1795305623.0);
CREATE TABLE parts (
	id INTEGER NOT NULL, 
	message INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	a1_id VARCHAR, 
	id_text VARCHAR, 
	id_value VARCHAR, 
	receipt_id VARCHAR, 
	status VARCHAR, 
	word VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (message, number), 
	FOREIGN KEY(message) REFERENCES messages (id)
);
INSERT INTO "parts" VALUES(1,8,1,'7A01','7a01','31233','7A01','delivered','DELIVRD');
INSERT INTO "parts" VALUES(2,8,2,'7A02','7a02','31234',NULL,NULL,NULL);
CREATE TABLE positions (
	name VARCHAR NOT NULL, 
	record INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "positions" VALUES('stages:2',17,1795305623.0);
CREATE TABLE reminder_rules (
	rule VARCHAR NOT NULL, 
	entity_type INTEGER NOT NULL, 
	item INTEGER NOT NULL, 
	run INTEGER, 
	moment DOUBLE NOT NULL, 
	held BOOLEAN NOT NULL, 
	until DOUBLE NOT NULL, 
	PRIMARY KEY (rule, entity_type, item), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "reminder_rules" VALUES('visit',2,4182,NULL,1795478400.0,1,1798070400.0);
CREATE TABLE reminders (
	id INTEGER NOT NULL, 
	rule VARCHAR NOT NULL, 
	run INTEGER, 
	entity_type INTEGER NOT NULL, 
	item INTEGER NOT NULL, 
	moment DOUBLE NOT NULL, 
	ahead DOUBLE NOT NULL, 
	due_at DOUBLE, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	state VARCHAR NOT NULL, 
	reason VARCHAR, 
	message INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (rule, entity_type, item, moment, ahead), 
	FOREIGN KEY(run) REFERENCES runs (id), 
	FOREIGN KEY(message) REFERENCES messages (id)
);
INSERT INTO "reminders" VALUES(1,'visit',NULL,2,4182,1795478400.0,86400.0,1795392000.0,0,'planned',NULL,NULL);
INSERT INTO "reminders" VALUES(2,'visit',NULL,2,4182,1795478400.0,3600.0,1795474800.0,0,'planned',NULL,NULL);
CREATE TABLE retention (
	id INTEGER NOT NULL, 
	begins_at DOUBLE NOT NULL, 
	passed_at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "retention" VALUES(1,1795305600.0,1795305643.0);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	event_token VARCHAR NOT NULL, 
	received_at DOUBLE NOT NULL, 
	code VARCHAR NOT NULL, 
	entity_type INTEGER, 
	item INTEGER, 
	properties TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	due_at DOUBLE, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	message INTEGER, 
	answer TEXT, 
	trouble TEXT, 
	over_at DOUBLE, refusals INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (event_token), 
	FOREIGN KEY(message) REFERENCES messages (id)
);
INSERT INTO "runs" VALUES(1,'token-send',1795305620.0,'a1_sms_send',2,4182,'{"text": "Ждём вас", "phone": "+375291112233"}','{}','waiting',NULL,0,13,NULL,NULL,NULL,0);
INSERT INTO "runs" VALUES(2,'token-remind',1795305620.0,'a1_sms_reminder',2,4182,'{"text": "Ждём вас", "phone": "+375291112233"}','{}','new',1795305620.0,0,NULL,NULL,NULL,NULL,0);
CREATE TABLE said (
	scenario VARCHAR NOT NULL, 
	msisdn VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	at DOUBLE NOT NULL, message VARCHAR, 
	PRIMARY KEY (scenario, msisdn, digest)
);
INSERT INTO "said" VALUES('visit','+375291112233','1d9adb2c208d1e502237d28a525832ca',1795305624.0,'auto-0');
CREATE TABLE sender_ids (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	particulars TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	prepared_at DOUBLE NOT NULL, 
	handed_in_at DOUBLE, 
	decided_at DOUBLE, 
	prepared_by TEXT NOT NULL, 
	note TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "sender_ids" VALUES(1,'MyShop','уведомления','{"company": "Общество с ограниченной ответственностью «Мой магазин»", "unp": "200988541", "address": "220004, г. Минск, ул. Немига, д. 5, оф. 12", "signatory": "Иванов Иван Иванович", "position": "Директор", "ground": "Устав", "contact": "Петрова Анна Сергеевна", "phone": "+375 29 111-22-33", "email": "petrova@myshop.by", "contract": "№ 123/45 от 01.02.2026"}','prepared',1795305630.0,NULL,NULL,'администратор',NULL);
CREATE TABLE stage_records (
	entity_type INTEGER NOT NULL, 
	record INTEGER NOT NULL, 
	PRIMARY KEY (entity_type, record)
);
INSERT INTO "stage_records" VALUES(2,18);
CREATE TABLE statistics_days (
	day INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	accepted INTEGER NOT NULL, 
	taken INTEGER NOT NULL, 
	delivered INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	segments INTEGER NOT NULL, 
	amount INTEGER NOT NULL, 
	priced INTEGER NOT NULL, 
	unicode INTEGER NOT NULL, 
	shortenable INTEGER NOT NULL, 
	PRIMARY KEY (day, group_id), 
	FOREIGN KEY(group_id) REFERENCES statistics_groups (id)
)
 WITHOUT ROWID

;
INSERT INTO "statistics_days" VALUES(20779,1,3,1,0,0,2,0,0,1,0);
INSERT INTO "statistics_days" VALUES(20779,2,4,0,0,2,0,0,0,0,0);
INSERT INTO "statistics_days" VALUES(20779,3,1,0,0,1,0,0,0,0,0);
INSERT INTO "statistics_days" VALUES(20779,4,5,2,1,1,2,0,0,2,0);
CREATE TABLE statistics_failures (
	day INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	group_id INTEGER NOT NULL, 
	messages INTEGER NOT NULL, 
	PRIMARY KEY (day, status, reason, group_id), 
	FOREIGN KEY(group_id) REFERENCES statistics_groups (id)
)
 WITHOUT ROWID

;
INSERT INTO "statistics_failures" VALUES(20779,'rejected','bad_number',4,1);
INSERT INTO "statistics_failures" VALUES(20779,'rejected','no_consent',2,2);
INSERT INTO "statistics_failures" VALUES(20779,'rejected','too_short',3,1);
CREATE TABLE statistics_groups (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	operator VARCHAR NOT NULL, 
	sender_id VARCHAR NOT NULL, 
	sent_by VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (kind, operator, sender_id, sent_by)
);
INSERT INTO "statistics_groups" VALUES(1,'transactional','a1','','other');
INSERT INTO "statistics_groups" VALUES(2,'marketing','a1','','other');
INSERT INTO "statistics_groups" VALUES(3,'transactional','','','other');
INSERT INTO "statistics_groups" VALUES(4,'transactional','a1','','card');
CREATE TABLE statistics_hours (
	hour INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	accepted INTEGER NOT NULL, 
	taken INTEGER NOT NULL, 
	delivered INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	PRIMARY KEY (hour, group_id), 
	FOREIGN KEY(group_id) REFERENCES statistics_groups (id)
)
 WITHOUT ROWID

;
INSERT INTO "statistics_hours" VALUES(498695,1,1,1,0,0);
INSERT INTO "statistics_hours" VALUES(498696,1,2,0,0,0);
INSERT INTO "statistics_hours" VALUES(498696,2,4,0,0,2);
INSERT INTO "statistics_hours" VALUES(498696,3,1,0,0,1);
INSERT INTO "statistics_hours" VALUES(498696,4,5,2,1,1);
CREATE TABLE statistics_position (
	id INTEGER NOT NULL, 
	record INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "statistics_position" VALUES(1,27);
CREATE TABLE statistics_times (
	day INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	messages INTEGER NOT NULL, 
	PRIMARY KEY (day, step, group_id), 
	FOREIGN KEY(group_id) REFERENCES statistics_groups (id)
)
 WITHOUT ROWID

;
INSERT INTO "statistics_times" VALUES(20779,11,4,1);
CREATE TABLE stop_list (
	msisdn VARCHAR NOT NULL, 
	since DOUBLE NOT NULL, 
	source VARCHAR NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (msisdn)
);
INSERT INTO "stop_list" VALUES('+375291112255',1795305612.0,'operator','по телефону');
CREATE TABLE unmatched (
	id INTEGER NOT NULL, 
	identifier VARCHAR NOT NULL, 
	word VARCHAR NOT NULL, 
	status VARCHAR, 
	source VARCHAR NOT NULL, 
	at DOUBLE NOT NULL, 
	note TEXT NOT NULL, number VARCHAR, reference INTEGER, id_text VARCHAR, id_value VARCHAR, due_at DOUBLE, 
	PRIMARY KEY (id)
);
INSERT INTO "unmatched" VALUES(1,'a1-0','DELIVERED','delivered','callback',1795305602.0,'',NULL,NULL,NULL,NULL,NULL);
CREATE INDEX ix_messages_a1_id ON messages (a1_id) WHERE a1_id IS NOT NULL;
CREATE INDEX ix_history_message ON history (message);
CREATE INDEX ix_unmatched_identifier ON unmatched (identifier);
CREATE INDEX ix_messages_concatenation ON messages (msisdn, id) WHERE concatenation IS NOT NULL;
CREATE INDEX ix_messages_partly ON messages (partly_at) WHERE partly_at IS NOT NULL;
CREATE INDEX ix_parts_id_text ON parts (id_text) WHERE id_text IS NOT NULL;
CREATE INDEX ix_parts_id_value ON parts (id_value) WHERE id_value IS NOT NULL;
CREATE INDEX ix_parts_receipt ON parts (id) WHERE receipt_id IS NOT NULL;
CREATE INDEX ix_unmatched_id_text ON unmatched (id_text) WHERE id_text IS NOT NULL;
CREATE INDEX ix_unmatched_id_value ON unmatched (id_value) WHERE id_value IS NOT NULL;
CREATE INDEX ix_unmatched_due ON unmatched (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_messages_due ON messages (stage, kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_messages_tell ON messages (kind, tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX ix_messages_marketing ON messages (msisdn, id) WHERE kind = 'marketing';
CREATE INDEX ix_consents_message ON consents (message);
CREATE INDEX ix_choices_msisdn ON choices (msisdn);
CREATE INDEX ix_choices_due ON choices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_runs_due ON runs (state, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_runs_message ON runs (message) WHERE message IS NOT NULL;
CREATE INDEX ix_reminders_due ON reminders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_reminders_message ON reminders (message) WHERE message IS NOT NULL;
CREATE INDEX ix_reminders_run ON reminders (run) WHERE run IS NOT NULL;
CREATE INDEX ix_look_ups_due ON look_ups (due_at);
CREATE INDEX ix_said_at ON said (at);
CREATE INDEX ix_messages_leave_by ON messages (stage, leave_by) WHERE leave_by IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX ix_reminder_rules_item ON reminder_rules (entity_type, item);
CREATE INDEX ix_reminder_rules_until ON reminder_rules (until);
CREATE INDEX ix_campaigns_latest ON campaigns (latest_at);
CREATE INDEX ix_campaigns_stopped ON campaigns (latest_at) WHERE state != 'running';
CREATE INDEX ix_campaigns_unsettled ON campaigns (id) WHERE unsettled = 1;
CREATE INDEX ix_messages_journal ON messages (received_at, status, kind, sender_id, sent_by, reason, msisdn);
CREATE INDEX ix_messages_refused_number ON messages (received_at, status, kind, sender_id, sent_by, reason, msisdn, number_received) WHERE msisdn IS NULL;
CREATE INDEX ix_messages_msisdn ON messages (msisdn, received_at) WHERE msisdn IS NOT NULL;
CREATE INDEX ix_messages_by_page ON messages (received_at) WHERE sent_by = 'page';
CREATE INDEX ix_messages_campaign ON messages (campaign, stage, status, reason, segments, a1_segments, amount) WHERE campaign IS NOT NULL;
CREATE INDEX ix_messages_unmasked ON messages (received_at) WHERE masked_at IS NULL AND stage = 'over' AND tell_at IS NULL;
CREATE INDEX ix_messages_masked ON messages (received_at) WHERE masked_at IS NOT NULL;
CREATE INDEX ix_message_items_message ON message_items (message);
CREATE INDEX ix_reminder_rules_run ON reminder_rules (run) WHERE run IS NOT NULL;
CREATE INDEX ix_consent_evidence_msisdn ON consent_evidence (msisdn);
CREATE INDEX ix_consent_evidence_asked ON consent_evidence (asked_at);
COMMIT;
