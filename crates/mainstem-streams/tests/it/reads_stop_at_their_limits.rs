use mainstem_types::limits;

use crate::support::{Start, World, provisioned, record, texts};

#[test]
fn at_the_number_of_records() {
    let world = World::new();
    let stream = world.create("test", 1);
    for i in 0..5 {
        world.put(&stream, "k", i.to_string().as_bytes());
    }
    let mut iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let mut pages = Vec::new();
    for _ in 0..4 {
        let read = world.read_up_to(&iterator, Some(2)).unwrap();
        pages.push(texts(&read).join(" "));
        iterator = read.next_shard_iterator.unwrap();
    }
    assert_eq!(pages, ["0 1", "2 3", "4", ""]);
}

#[test]
fn at_ten_mebibytes_but_not_before_one_record() {
    let world = World::new();
    let mut input = provisioned("test", 1);
    input.record_kib_max = Some(10_240);
    world.streams().create_stream(&input).unwrap();
    world.advance(100);
    let data = vec![7; limits::GET_RECORDS_BYTES_MAX];
    let put = |len: usize| {
        let record = record(&input.name, "k", &data[..len]);
        world.streams().put_record(&record).unwrap();
    };
    // With its key, the first is as large as an answer may be; the next two fill one together.
    put(data.len() - 1);
    put(1000);
    put(data.len() - 1002);
    put(0);
    let mut iterator = world
        .iterator(&input.name, "0", Start::TrimHorizon)
        .unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let read = world.read(&iterator).unwrap();
        counts.push(read.records.len());
        iterator = read.next_shard_iterator.unwrap();
    }
    assert_eq!(counts, [1, 2, 1]);
}

#[test]
fn behind_latest_is_the_age_of_the_last_record_while_there_is_more() {
    let world = World::new();
    let stream = world.create("test", 1);
    for data in [b"0", b"1", b"2"] {
        world.put(&stream, "k", data);
        world.advance(1000);
    }
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let read = world.read_up_to(&iterator, Some(1)).unwrap();
    assert_eq!(read.behind_latest_ms, 3000);
    let read = world
        .read_up_to(&read.next_shard_iterator.unwrap(), Some(1))
        .unwrap();
    assert_eq!(read.behind_latest_ms, 2000);
    let read = world
        .read_up_to(&read.next_shard_iterator.unwrap(), Some(1))
        .unwrap();
    assert_eq!(read.behind_latest_ms, 0, "nothing newer is stored");
    let read = world.read(&read.next_shard_iterator.unwrap()).unwrap();
    assert_eq!((read.records.len(), read.behind_latest_ms), (0, 0));
}
