"""The types that records owns. Adding a type is adding it here."""

from carethread.core.service import ResourceType

_NAMES = """
    Account AdverseEvent AllergyIntolerance AuditEvent Binary BiologicallyDerivedProduct BodyStructure Bundle
    CapabilityStatement CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression
    CodeSystem CompartmentDefinition Composition ConceptMap Condition Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse Device DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter
    Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable
    ExampleScenario ExplanationOfBenefit FamilyMemberHistory GraphDefinition Group GuidanceResponse
    ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide
    InsurancePlan Invoice Linkage List Location Media Medication MedicationAdministration MedicationDispense
    MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader
    MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition
    Organization OrganizationAffiliation Patient PaymentNotice PaymentReconciliation Person Practitioner
    PractitionerRole Procedure Provenance RelatedPerson RequestGroup ResearchDefinition
    ResearchElementDefinition ResearchStudy ResearchSubject RiskEvidenceSynthesis SearchParameter
    ServiceRequest Specimen SpecimenDefinition StructureDefinition StructureMap Substance SubstanceNucleicAcid
    SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
    SubstanceSpecification SupplyDelivery SupplyRequest TerminologyCapabilities TestReport TestScript ValueSet
    VerificationResult VisionPrescription
""".split()

TYPES = tuple(ResourceType(name) for name in _NAMES)
