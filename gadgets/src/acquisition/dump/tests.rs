use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use ndarray::Array2;
use protocol::{
    Acquisition, Complex32, Waveform, WaveformHeader,
    header::{MeasurementInformation, StudyInformation},
};

use super::*;
use crate::{
    context::DumpFiles,
    testing::{build, outputs, readout, run, run_broken_off},
};

/// What was done with files, in words.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, words: impl Into<String>) {
        self.0.lock().unwrap().push(words.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl DumpFiles for Journal {
    fn create(&self, path: &Path, _: &IsmrmrdHeader) -> Result<Box<dyn Dump>, BoxError> {
        self.note(path.file_name().unwrap().to_str().unwrap());
        Ok(Box::new(self.clone()))
    }
}

impl Dump for Journal {
    fn acquisition(&mut self, acquisition: &Acquisition) -> Result<(), BoxError> {
        if acquisition.header.scan_counter == 13 {
            return Err("the disk is full".into());
        }
        self.note(format!("readout {}", acquisition.header.scan_counter));
        Ok(())
    }

    fn waveform(&mut self, _: &Waveform) -> Result<(), BoxError> {
        self.note("waveform");
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        self.note("finished");
        Ok(())
    }
}

fn messages() -> Vec<ScannerData> {
    let line = |number| {
        let mut line = readout(1, 2, |_, _| Complex32::ONE);
        line.header.scan_counter = number;
        ScannerData::Acquisition(line)
    };
    let waveform = ScannerData::Waveform(Waveform {
        header: WaveformHeader::default(),
        data: Array2::zeros((1, 1)),
    });
    vec![line(1), waveform, line(2)]
}

fn named() -> IsmrmrdHeader {
    IsmrmrdHeader {
        measurement_information: Some(MeasurementInformation {
            measurement_id: Some("../45_6".into()),
            protocol_name: Some("t1 fl2d".into()),
            ..MeasurementInformation::default()
        }),
        study_information: Some(StudyInformation {
            study_date: Some("2026-11-22".into()),
            study_time: Some("21:30:05".into()),
            ..StudyInformation::default()
        }),
        ..IsmrmrdHeader::default()
    }
}

fn gadget(journal: &Journal, properties: &[(&str, &str)]) -> (IsmrmrdDump, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").to_str().unwrap().to_owned();
    let mut context = Context::new(named());
    context.dumps = Arc::new(journal.clone());
    let mut all = vec![("folder", path.as_str())];
    all.extend(properties);
    (build(&all, &context).unwrap(), folder)
}

const NAME: &str = "ISMRMRD_DUMP_.._45_6_20261122-213005.h5";

#[test]
fn everything_passes_and_is_written_in_the_order_it_came() {
    let journal = Journal::default();
    let (dump, _folder) = gadget(&journal, &[]);
    assert_eq!(outputs(dump, messages()), messages());
    assert_eq!(journal.read(), [NAME, "readout 1", "waveform", "readout 2", "finished"]);
}

#[test]
fn waveforms_can_be_kept_back_and_the_file_can_be_the_header_alone() {
    let journal = Journal::default();
    let properties = [
        ("pass_waveform_downstream", "false"),
        ("save_xml_header_only", "true"),
        ("file_prefix", ""),
    ];
    let (dump, _folder) = gadget(&journal, &properties);
    assert_eq!(outputs(dump, messages()).len(), 2);
    assert_eq!(journal.read(), ["t1_fl2d_.._45_6_20261122-213005.h5", "finished"]);
}

#[test]
fn a_stream_that_breaks_off_leaves_a_finished_file() {
    let journal = Journal::default();
    let (dump, _folder) = gadget(&journal, &[]);
    let (passed, end) = run_broken_off(dump, messages());
    assert_eq!(passed.len(), 3);
    assert!(end.unwrap_err().is::<engine::Interrupted>());
    assert_eq!(journal.read().last().unwrap(), "finished");
}

#[test]
fn on_an_excepted_machine_nothing_is_written() {
    let journal = Journal::default();
    let (dump, _folder) = gadget(&journal, &[("ip_no_data_saving", "192.0.2.1 127.0.0.1")]);
    assert_eq!(outputs(dump, messages()).len(), 3);
    assert!(journal.read().is_empty());
}

#[test]
fn a_failing_file_lets_the_data_pass_and_is_an_error_at_the_end() {
    let journal = Journal::default();
    let (dump, _folder) = gadget(&journal, &[]);
    let mut unlucky = messages();
    if let ScannerData::Acquisition(line) = &mut unlucky[0] {
        line.header.scan_counter = 13;
    }
    let (passed, end) = run(dump, unlucky);
    assert_eq!(passed.len(), 3);
    assert_eq!(end.unwrap_err().to_string(), "the disk is full");
}

#[test]
fn without_a_date_the_name_has_the_time_of_writing() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let header = IsmrmrdHeader::default();
    assert_eq!(file_name("P", &header, at(0)), "P__19700101-000000.h5");
    assert_eq!(
        file_name("", &header, at(951_782_399)),
        "ISMRMRD_DUMP__20000228-235959.h5"
    );
    assert_eq!(time_stamp(at(951_782_400)), "20000229-000000");
    assert_eq!(time_stamp(at(1_795_383_005)), "20261122-213005");
}
