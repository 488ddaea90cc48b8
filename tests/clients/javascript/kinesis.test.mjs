// The JavaScript client, version 3. It speaks HTTP/2 with prior knowledge on plain http.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  CreateStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';

import { startServer } from './server.mjs';

const FIRST_SHARD = 'shardId-000000000000';
const SECOND_SHARD = 'shardId-000000000001';
const UPPER_HALF = (2n ** 127n).toString();

let server;
let kinesis;

before(async () => {
  server = await startServer();
  kinesis = new KinesisClient({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  });
});

after(async () => {
  kinesis?.destroy();
  if (server) {
    assert.equal(await server.stop(), 0);
  }
});

async function createStream(name, shards) {
  await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }));
  const wait = { client: kinesis, maxWaitTime: 60, minDelay: 0.05, maxDelay: 1 };
  await waitUntilStreamExists(wait, { StreamName: name });
}

async function iteratorOf(name, shard, type = 'TRIM_HORIZON') {
  const answer = await kinesis.send(new GetShardIteratorCommand({
    StreamName: name, ShardId: shard, ShardIteratorType: type,
  }));
  return answer.ShardIterator;
}

async function readToTip(iterator, limit) {
  const records = [];
  for (;;) {
    const answer = await kinesis.send(new GetRecordsCommand({
      ShardIterator: iterator, Limit: limit,
    }));
    records.push(...answer.Records);
    iterator = answer.NextShardIterator;
    if (answer.Records.length === 0 && answer.MillisBehindLatest === 0) {
      return records;
    }
  }
}

const text = (record) => Buffer.from(record.Data).toString();

test('the client speaks HTTP/2 by default', async () => {
  assert.equal(kinesis.config.requestHandler.constructor.name, 'NodeHttp2Handler');
  const answer = await kinesis.send(new ListStreamsCommand({}));
  assert.deepEqual(answer.StreamNames, []);
  assert.match(answer.$metadata.requestId, /^[0-9a-f-]{36}$/);
});

test('a stream is created and described', async () => {
  await createStream('described', 2);
  const { StreamDescription: stream } =
    await kinesis.send(new DescribeStreamCommand({ StreamName: 'described' }));
  assert.equal(stream.StreamStatus, 'ACTIVE');
  assert.equal(stream.RetentionPeriodHours, 24);
  assert.deepEqual(stream.Shards.map((shard) => shard.ShardId), [FIRST_SHARD, SECOND_SHARD]);
  assert.ok(stream.StreamCreationTimestamp instanceof Date);
  const { StreamDescriptionSummary: summary } =
    await kinesis.send(new DescribeStreamSummaryCommand({ StreamARN: stream.StreamARN }));
  assert.equal(summary.OpenShardCount, 2);
  const { Shards: shards } =
    await kinesis.send(new ListShardsCommand({ StreamName: 'described' }));
  assert.equal(shards[1].HashKeyRange.StartingHashKey, UPPER_HALF);
});

test('a record that was put is read back', async () => {
  await createStream('single', 2);
  const put = await kinesis.send(new PutRecordCommand({
    StreamName: 'single', PartitionKey: 'user1', Data: Buffer.from('user signup'),
  }));
  assert.equal(put.ShardId, FIRST_SHARD);
  const [record, ...others] = await readToTip(await iteratorOf('single', FIRST_SHARD));
  assert.deepEqual(others, []);
  assert.equal(text(record), 'user signup');
  assert.equal(record.PartitionKey, 'user1');
  assert.equal(record.SequenceNumber, put.SequenceNumber);
  assert.ok(record.ApproximateArrivalTimestamp instanceof Date);
});

test('many records are put at once and read page by page', async () => {
  await createStream('many', 2);
  const entries = Array.from({ length: 500 }, (_, index) => ({
    PartitionKey: `key ${index}`,
    ExplicitHashKey: index % 2 ? UPPER_HALF : '0',
    Data: Buffer.from(`line ${index}`),
  }));
  const answer = await kinesis.send(new PutRecordsCommand({
    StreamName: 'many', Records: entries,
  }));
  assert.equal(answer.FailedRecordCount, 0);
  assert.equal(answer.Records.length, 500);
  for (const [half, shard] of [FIRST_SHARD, SECOND_SHARD].entries()) {
    const wanted = entries.filter((_, index) => index % 2 === half).map(text);
    const found = await readToTip(await iteratorOf('many', shard), 100);
    assert.deepEqual(found.map(text), wanted);
  }
});

test('requests at the same time share one connection', async () => {
  await createStream('parallel', 1);
  await Promise.all(Array.from({ length: 50 }, (_, index) =>
    kinesis.send(new PutRecordCommand({
      StreamName: 'parallel', PartitionKey: 'k', Data: Buffer.from(`${index}`),
    }))));
  const found = await readToTip(await iteratorOf('parallel', FIRST_SHARD));
  const numbers = found.map((record) => Number(text(record))).sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from({ length: 50 }, (_, index) => index));
});

test('an iterator at the end sees what comes later', async () => {
  await createStream('latest', 1);
  const put = (data) => kinesis.send(new PutRecordCommand({
    StreamName: 'latest', PartitionKey: 'k', Data: Buffer.from(data),
  }));
  await put('before');
  const iterator = await iteratorOf('latest', FIRST_SHARD, 'LATEST');
  await put('after');
  assert.deepEqual((await readToTip(iterator)).map(text), ['after']);
});

test('errors have the names that the client knows', async () => {
  await assert.rejects(
    kinesis.send(new DescribeStreamCommand({ StreamName: 'absent' })),
    (error) => error.name === 'ResourceNotFoundException'
      && error.message === 'Stream absent under account 000000000000 not found.'
      && error.$metadata.httpStatusCode === 400,
  );
  await assert.rejects(
    kinesis.send(new RegisterStreamConsumerCommand({
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/absent', ConsumerName: 'c',
    })),
    /not supported/,
  );
});
