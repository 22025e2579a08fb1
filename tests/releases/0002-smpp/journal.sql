BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "history" VALUES(19,11,1795305600.0,'portal','queued','accepted',NULL);
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
	confirmed_at DOUBLE, resent INTEGER DEFAULT '0' NOT NULL, postponed INTEGER DEFAULT '0' NOT NULL, concatenation INTEGER, partly_at DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (message_id), 
	UNIQUE (custom_id)
);
INSERT INTO "messages" VALUES(1,'delivered','373e0712c83cffe15ff4','a1-1',1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,1,NULL,NULL,NULL,'delivered',NULL,'DELIVERED','over',NULL,1,NULL,0,1795305602.0,'delivered',1795305602.0,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(2,'rejected','20cd938a2ea64f612b35',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'rejected','bad_number','100','over',NULL,1,NULL,0,1795305601.0,'failed',NULL,1,1795305603.0,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(3,'lost','76f75e6129fe30135bd4',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,'answer_lost','asking',1795305630.0,1,'answer_lost',0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(4,'in flight','eaeb8b1be5ae0d597b36',NULL,1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'in_flight',1795305600.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(5,'sent','7afbb3347fb7252e533d','a1-2',1795305600.0,'transactional','{"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,1,NULL,NULL,NULL,'sent',NULL,'accepted','sent',1795305660.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(6,'refused','83c874d33e8bff73caaa',NULL,1795305600.0,'transactional','{}','12345',NULL,NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,'too_short','rejected','too_short',NULL,'over',NULL,0,NULL,0,1795305600.0,'failed',1795305600.0,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(7,'waits','7c4a345722b40acbdc12',NULL,1795305604.0,'transactional','{}','+375291112233','+375291112233',NULL,'Заказ готов',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305604.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(8,'in parts','6e540971acafa5f53826','7A01',1795305599.0,'transactional','{}','+375291112233','+375291112233',NULL,'Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. Заказ готов. ',NULL,2,2,NULL,NULL,NULL,'sent',NULL,'DELIVRD','sent',1795305660.0,1,NULL,0,NULL,NULL,NULL,0,NULL,0,0,8,1795305605.0);
INSERT INTO "messages" VALUES(9,'agreed','9eace41237dcecc2fd79',NULL,1795305600.0,'marketing','{}','+375291112233','+375291112244',NULL,'Скидки до конца недели',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305600.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(10,'not agreed','e0df005b6e287d604af7',NULL,1795305600.0,'marketing','{}','+375291112233','+375291112245',NULL,'Скидки до конца недели',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305600.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
INSERT INTO "messages" VALUES(11,'unasked','d20d2ac094e19c514cf5',NULL,1795305600.0,'marketing','{}','+375291112233','+375291112246',NULL,'Скидки до конца недели',NULL,1,NULL,NULL,NULL,NULL,'queued',NULL,NULL,'ready',1795305600.0,0,NULL,0,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL);
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
CREATE INDEX ix_messages_due ON messages (stage, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_messages_tell ON messages (tell_at) WHERE tell_at IS NOT NULL;
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
COMMIT;
