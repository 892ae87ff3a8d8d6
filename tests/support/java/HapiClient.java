import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.PreferReturnEnum;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.api.SearchTotalModeEnum;
import ca.uhn.fhir.rest.api.SummaryEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import org.hl7.fhir.r4.model.Appointment;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.DateType;
import org.hl7.fhir.r4.model.DecimalType;
import org.hl7.fhir.r4.model.Encounter;
import org.hl7.fhir.r4.model.Enumerations.AdministrativeGender;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Measure;
import org.hl7.fhir.r4.model.MeasureReport;
import org.hl7.fhir.r4.model.Observation;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Quantity;
import org.hl7.fhir.r4.model.StringType;

/**
 * What a user of HAPI's generic client does, step by step, against the FHIR base URL that is the one argument.
 *
 * <p>Prints a line for each step: its name, a tab, and `ok` or what went wrong.
 */
public class HapiClient {
  private static final String SYSTEM = "urn:hapi-client:" + UUID.randomUUID();

  private final FhirContext context = FhirContext.forR4();
  private final IGenericClient client;

  HapiClient(String base) {
    client = context.newRestfulGenericClient(base);
  }

  interface Step {
    void run() throws Exception;
  }

  public static void main(String[] arguments) {
    HapiClient self = new HapiClient(arguments[0]);
    self.step("capabilities", self::capabilities);
    self.step("create-and-read", self::createAndRead);
    self.step("return-minimal", self::returnMinimal);
    self.step("vread-and-update", self::vreadAndUpdate);
    self.step("update-of-a-version", self::updateOfVersion);
    self.step("update-as-create", self::updateAsCreate);
    self.step("conditional-create", self::conditionalCreate);
    self.step("conditional-update", self::conditionalUpdate);
    self.step("json-patch", self::jsonPatch);
    self.step("fhir-patch", self::fhirPatch);
    self.step("delete", self::delete);
    self.step("conditional-delete", self::conditionalDelete);
    self.step("search-and-pages", self::searchAndPages);
    self.step("search-by-post", self::searchByPost);
    self.step("search-values", self::searchValues);
    self.step("includes", self::includes);
    self.step("transaction", self::transaction);
    self.step("refused-transaction", self::refusedTransaction);
    self.step("instance-history", self::instanceHistory);
    self.step("type-history", self::typeHistory);
    self.step("summary", self::summary);
    self.step("validate", self::validate);
    self.step("refusal", self::refusal);
    self.step("operation", self::operation);
  }

  private void step(String name, Step step) {
    String result = "ok";
    try {
      step.run();
    } catch (Exception | AssertionError wrong) {
      result = wrong.toString().replaceAll("\\s+", " ");
      if (wrong instanceof BaseServerResponseException) {
        result += " " + ((BaseServerResponseException) wrong).getResponseBody();
      }
    }
    System.out.println(name + "\t" + result.replaceAll("\\s+", " "));
  }

  private static void that(boolean fact, String what) {
    if (!fact) {
      throw new AssertionError(what);
    }
  }

  private static void same(Object expected, Object found) {
    that(expected.equals(found), "expected " + expected + ", found " + found);
  }

  private static Patient patient(String family, String value) {
    Patient patient = new Patient();
    patient.addName().setFamily(family).addGiven("Ann");
    patient.addIdentifier().setSystem(SYSTEM).setValue(value);
    patient.setGender(AdministrativeGender.FEMALE);
    return patient;
  }

  private IdType created(Patient patient) {
    MethodOutcome outcome = client.create().resource(patient).execute();
    that(outcome.getCreated(), "created");
    return (IdType) outcome.getId();
  }

  private void capabilities() {
    CapabilityStatement statement = client.capabilities().ofType(CapabilityStatement.class).execute();
    same("4.0.1", statement.getFhirVersion().toCode());
    that(
        statement.getRestFirstRep().getResource().stream().anyMatch(each -> each.getType().equals("Appointment")),
        "Appointment among the types");
  }

  private void createAndRead() {
    Observation observation = new Observation();
    observation.setStatus(Observation.ObservationStatus.FINAL).getCode().setText("Weight");
    observation.setValue(new Quantity().setValueElement(new DecimalType("72.50")).setUnit("kg"));
    MethodOutcome outcome = client.create().resource(observation).execute();
    that(outcome.getCreated(), "created");
    same("1", outcome.getId().getVersionIdPart());
    Observation read = client.read().resource(Observation.class).withId(outcome.getId().getIdPart()).execute();
    same("72.50", read.getValueQuantity().getValueElement().getValueAsString());
    same("1", read.getMeta().getVersionId());
    Observation same = client.read().resource(Observation.class).withUrl(outcome.getId().toUnqualifiedVersionless())
        .ifVersionMatches("1").returnResource(read).execute();
    that(same == read, "not modified");
  }

  private void returnMinimal() {
    MethodOutcome outcome =
        client.create().resource(patient("Minimal", "minimal")).prefer(PreferReturnEnum.MINIMAL).execute();
    that(outcome.getResource() == null, "no body");
    that(outcome.getId().hasIdPart(), "an id");
    outcome = client.create().resource(patient("Outcome", "outcome")).prefer(PreferReturnEnum.OPERATION_OUTCOME).execute();
    that(outcome.getOperationOutcome() instanceof OperationOutcome, "an OperationOutcome");
    outcome = client.create().resource(patient("Whole", "whole")).prefer(PreferReturnEnum.REPRESENTATION).execute();
    same("Whole", ((Patient) outcome.getResource()).getNameFirstRep().getFamily());
  }

  private void vreadAndUpdate() {
    IdType id = created(patient("First", "versions"));
    Patient changed = client.read().resource(Patient.class).withId(id.getIdPart()).execute();
    changed.getNameFirstRep().setFamily("Second");
    MethodOutcome outcome = client.update().resource(changed).execute();
    same("2", outcome.getId().getVersionIdPart());
    Patient first = client.read().resource(Patient.class).withIdAndVersion(id.getIdPart(), "1").execute();
    same("First", first.getNameFirstRep().getFamily());
    same("Second", client.read().resource(Patient.class).withId(id.getIdPart()).execute().getNameFirstRep().getFamily());
  }

  private void updateOfVersion() {
    Patient stale = (Patient) client.create().resource(patient("Stale", "stale")).execute().getResource();
    client.update().resource(stale.copy().setActive(true)).execute();
    try {
      client.update().resource(stale.setActive(false)).withAdditionalHeader("If-Match", "W/\"1\"").execute();
      that(false, "refused");
    } catch (PreconditionFailedException expected) {
      same(412, expected.getStatusCode());
    }
  }

  private void updateAsCreate() {
    String id = UUID.randomUUID().toString();
    Patient patient = patient("Own", "own-id");
    patient.setId(id);
    MethodOutcome outcome = client.update().resource(patient).execute();
    that(outcome.getCreated(), "created");
    same(id, outcome.getId().getIdPart());
  }

  private void conditionalCreate() {
    String url = "Patient?identifier=" + SYSTEM + "|once";
    MethodOutcome first = client.create().resource(patient("Once", "once")).conditionalByUrl(url).execute();
    that(first.getCreated(), "created");
    MethodOutcome second = client.create().resource(patient("Twice", "once")).conditional()
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, "once")).execute();
    that(!Boolean.TRUE.equals(second.getCreated()), "not created again");
    same(first.getId().getIdPart(), second.getId().getIdPart());
    client.create().resource(patient("Double", "double")).execute();
    client.create().resource(patient("Double", "double")).execute();
    try {
      client.create().resource(patient("Third", "double")).conditionalByUrl("Patient?identifier=" + SYSTEM + "|double").execute();
      that(false, "refused");
    } catch (PreconditionFailedException expected) {
      same(412, expected.getStatusCode());
    }
  }

  private void conditionalUpdate() {
    String url = "Patient?identifier=" + SYSTEM + "|upsert";
    MethodOutcome first = client.update().resource(patient("Upsert", "upsert")).conditionalByUrl(url).execute();
    that(first.getCreated(), "created");
    MethodOutcome second = client.update().resource(patient("Upserted", "upsert")).conditionalByUrl(url).execute();
    same(first.getId().getIdPart(), second.getId().getIdPart());
    same("2", second.getId().getVersionIdPart());
  }

  private void jsonPatch() {
    IdType id = created(patient("Patch", "json-patch"));
    String patch = "[{\"op\":\"replace\",\"path\":\"/gender\",\"value\":\"other\"},{\"op\":\"add\",\"path\":\"/active\",\"value\":true}]";
    MethodOutcome outcome = client.patch().withBody(patch).withId(id.toUnqualifiedVersionless()).execute();
    same("2", outcome.getId().getVersionIdPart());
    Patient read = client.read().resource(Patient.class).withId(id.getIdPart()).execute();
    same(AdministrativeGender.OTHER, read.getGender());
    that(read.getActive(), "active");
    client.patch().withBody("[{\"op\":\"remove\",\"path\":\"/active\"}]")
        .conditionalByUrl("Patient?identifier=" + SYSTEM + "|json-patch").execute();
    that(!client.read().resource(Patient.class).withId(id.getIdPart()).execute().hasActive(), "removed");
  }

  private void fhirPatch() {
    IdType id = created(patient("Patch", "fhir-patch"));
    Parameters patch = new Parameters();
    Parameters.ParametersParameterComponent operation = patch.addParameter().setName("operation");
    operation.addPart().setName("type").setValue(new CodeType("replace"));
    operation.addPart().setName("path").setValue(new StringType("Patient.name[0].family"));
    operation.addPart().setName("value").setValue(new StringType("Patched"));
    operation = patch.addParameter().setName("operation");
    operation.addPart().setName("type").setValue(new CodeType("add"));
    operation.addPart().setName("path").setValue(new StringType("Patient"));
    operation.addPart().setName("name").setValue(new StringType("birthDate"));
    operation.addPart().setName("value").setValue(new DateType("1980-02-29"));
    client.patch().withFhirPatch(patch).withId(id.toUnqualifiedVersionless()).execute();
    Patient read = client.read().resource(Patient.class).withId(id.getIdPart()).execute();
    same("Patched", read.getNameFirstRep().getFamily());
    same("1980-02-29", read.getBirthDateElement().getValueAsString());
  }

  private void delete() {
    IdType id = created(patient("Gone", "gone"));
    client.delete().resourceById(id.toUnqualifiedVersionless()).execute();
    try {
      client.read().resource(Patient.class).withId(id.getIdPart()).execute();
      that(false, "gone");
    } catch (ResourceGoneException expected) {
      same(410, expected.getStatusCode());
    }
    client.delete().resourceById(id.toUnqualifiedVersionless()).execute();
    try {
      client.read().resource(Patient.class).withId("was-never-there").execute();
      that(false, "not found");
    } catch (ResourceNotFoundException expected) {
      same(404, expected.getStatusCode());
    }
  }

  private void conditionalDelete() {
    IdType id = created(patient("Leave", "leave"));
    client.delete().resourceConditionalByUrl("Patient?identifier=" + SYSTEM + "|leave").execute();
    try {
      client.read().resource(Patient.class).withId(id.getIdPart()).execute();
      that(false, "gone");
    } catch (ResourceGoneException expected) {
      same(410, expected.getStatusCode());
    }
    client.delete().resourceConditionalByUrl("Patient?identifier=" + SYSTEM + "|leave").execute();
  }

  private void searchAndPages() {
    for (int number = 0; number < 7; number++) {
      created(patient("Pager-" + number, "pages"));
    }
    Bundle page = client.search().forResource(Patient.class)
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, "pages"))
        .sort().descending(Patient.FAMILY).count(3).totalMode(SearchTotalModeEnum.ACCURATE).returnBundle(Bundle.class).execute();
    same(7, page.getTotal());
    List<String> families = new ArrayList<>(families(page));
    while (page.getLink(Bundle.LINK_NEXT) != null) {
      page = client.loadPage().next(page).execute();
      families.addAll(families(page));
    }
    same(List.of("Pager-6", "Pager-5", "Pager-4", "Pager-3", "Pager-2", "Pager-1", "Pager-0"), families);
  }

  private static List<String> families(Bundle page) {
    return page.getEntry().stream()
        .filter(entry -> entry.getResource() instanceof Patient)
        .map(entry -> ((Patient) entry.getResource()).getNameFirstRep().getFamily()).toList();
  }

  private void searchByPost() {
    created(patient("Posted", "posted"));
    Bundle found = client.search().forResource(Patient.class)
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, "posted"))
        .usingStyle(SearchStyleEnum.POST).returnBundle(Bundle.class).execute();
    same(List.of("Posted"), families(found));
  }

  private void searchValues() {
    Patient odd = patient("Müller, Anna|Lee", "a,b|c$d\\e");
    odd.setBirthDateElement(new DateType("1980-02-29"));
    created(odd);
    Bundle found = client.search().forResource(Patient.class)
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, "a,b|c$d\\e"))
        .and(Patient.FAMILY.matches().value("muller, anna|"))
        .and(Patient.FAMILY.matchesExactly().value("Müller, Anna|Lee"))
        .and(Patient.BIRTHDATE.afterOrEquals().day("1980-02-29"))
        .and(Patient.BIRTHDATE.before().day("1980-03-01"))
        .and(Patient.ACTIVE.isMissing(true))
        .returnBundle(Bundle.class).execute();
    same(1, found.getEntry().size());
  }

  private void includes() {
    IdType id = created(patient("Included", "included"));
    Encounter encounter = new Encounter();
    encounter.setStatus(Encounter.EncounterStatus.PLANNED).getClass_().setCode("AMB");
    encounter.getSubject().setReference("Patient/" + id.getIdPart());
    client.create().resource(encounter).execute();
    Bundle found = client.search().forResource(Encounter.class)
        .where(Encounter.PATIENT.hasChainedProperty(Patient.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, "included")))
        .include(Encounter.INCLUDE_PATIENT).returnBundle(Bundle.class).execute();
    same(2, found.getEntry().size());
    same("include", found.getEntry().get(1).getSearch().getMode().toCode());
    found = client.search().forResource(Patient.class).where(Patient.RES_ID.exactly().code(id.getIdPart()))
        .revInclude(Encounter.INCLUDE_SUBJECT).returnBundle(Bundle.class).execute();
    same(2, found.getEntry().size());
  }

  private void transaction() {
    String temporary = "urn:uuid:" + UUID.randomUUID();
    Observation observation = new Observation();
    observation.setStatus(Observation.ObservationStatus.FINAL).getCode().setText("In one go");
    observation.getSubject().setReference(temporary);
    Bundle bundle = new Bundle().setType(Bundle.BundleType.TRANSACTION);
    bundle.addEntry().setFullUrl(temporary).setResource(patient("Together", "together"))
        .getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl("Patient");
    bundle.addEntry().setResource(observation).getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl("Observation");
    Bundle answer = client.transaction().withBundle(bundle).execute();
    same(Bundle.BundleType.TRANSACTIONRESPONSE, answer.getType());
    IdType patient = new IdType(answer.getEntry().get(0).getResponse().getLocation());
    IdType other = new IdType(answer.getEntry().get(1).getResponse().getLocation());
    Observation read = client.read().resource(Observation.class).withId(other.getIdPart()).execute();
    same("Patient/" + patient.getIdPart(), read.getSubject().getReference());
  }

  private void refusedTransaction() {
    Bundle bundle = new Bundle().setType(Bundle.BundleType.TRANSACTION);
    bundle.addEntry().setResource(patient("Never", "never")).getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl("Patient");
    Observation incomplete = new Observation().setStatus(Observation.ObservationStatus.FINAL);
    bundle.addEntry().setResource(incomplete).getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl("Observation");
    try {
      client.transaction().withBundle(bundle).execute();
      that(false, "refused");
    } catch (UnprocessableEntityException expected) {
      that(expected.getOperationOutcome() instanceof OperationOutcome, "an OperationOutcome");
    }
    Bundle found = client.search().byUrl("Patient?identifier=" + SYSTEM + "|never").returnBundle(Bundle.class).execute();
    same(0, found.getTotal());
  }

  private void instanceHistory() {
    Patient patient = (Patient) client.create().resource(patient("Past", "past")).execute().getResource();
    client.update().resource(patient.setActive(true)).execute();
    client.delete().resourceById(patient.getIdElement().toUnqualifiedVersionless()).execute();
    Bundle history = client.history().onInstance(patient.getIdElement().toUnqualifiedVersionless())
        .returnBundle(Bundle.class).execute();
    same(3, history.getEntry().size());
    same(Bundle.HTTPVerb.DELETE, history.getEntry().get(0).getRequest().getMethod());
  }

  private void typeHistory() {
    Date before = new Date(System.currentTimeMillis() - 1000);
    created(patient("Recent", "recent"));
    Bundle history = client.history().onType(Patient.class).returnBundle(Bundle.class).since(before).count(100).execute();
    that(families(history).contains("Recent"), "the newest is there");
    history = client.history().onServer().returnBundle(Bundle.class).since(before).count(100).execute();
    that(!history.getEntry().isEmpty(), "the newest of all types");
  }

  private void summary() {
    IdType id = created(patient("Short", "short"));
    Patient read = client.read().resource(Patient.class).withId(id.getIdPart()).elementsSubset("gender").execute();
    same(AdministrativeGender.FEMALE, read.getGender());
    that(read.getName().isEmpty(), "no name");
    Bundle count = client.search().byUrl("Patient?identifier=" + SYSTEM + "|short").summaryMode(SummaryEnum.COUNT)
        .returnBundle(Bundle.class).execute();
    same(1, count.getTotal());
    that(count.getEntry().isEmpty(), "no entries");
  }

  private void validate() {
    MethodOutcome good = client.validate().resource(patient("Valid", "valid")).execute();
    that(errors(good) == 0, "no errors");
    MethodOutcome bad;
    try {
      bad = client.validate().resource(new Observation()).execute();
    } catch (BaseServerResponseException refused) {
      bad = new MethodOutcome();
      bad.setOperationOutcome(refused.getOperationOutcome());
    }
    that(errors(bad) > 0, "errors");
  }

  private static long errors(MethodOutcome outcome) {
    return ((OperationOutcome) outcome.getOperationOutcome()).getIssue().stream()
        .filter(issue -> issue.getSeverity().ordinal() <= OperationOutcome.IssueSeverity.ERROR.ordinal()).count();
  }

  private void refusal() {
    try {
      client.create().resource(new Appointment()).execute();
      that(false, "refused");
    } catch (UnprocessableEntityException expected) {
      OperationOutcome outcome = (OperationOutcome) expected.getOperationOutcome();
      that(
          outcome.getIssue().stream().anyMatch(issue -> issue.getExpression().get(0).getValue().startsWith("Appointment.")),
          "the element is named");
    }
  }

  private void operation() {
    Bundle measures = client.search().forResource(Measure.class)
        .where(Measure.URL.matches().value("https://carethread.dev/fhir/Measure/no-show-rate"))
        .returnBundle(Bundle.class).execute();
    IdType measure = measures.getEntryFirstRep().getResource().getIdElement().toUnqualifiedVersionless();
    MeasureReport report = client.operation().onInstance(measure).named("$evaluate-measure")
        .withParameter(Parameters.class, "periodStart", new DateType("2024-01-01"))
        .andParameter("periodEnd", new DateType("2024-12-31"))
        .useHttpGet().returnResourceType(MeasureReport.class).execute();
    same(MeasureReport.MeasureReportStatus.COMPLETE, report.getStatus());
  }
}
